const { names, places, cells, totals } = JSON.parse(document.getElementById("cells").textContent);
const overview = document.getElementById("overview");
const list = document.getElementById("many");
const lines = [...list.querySelectorAll("details")];

function press(button) {
  for (const each of button.parentElement.querySelectorAll("button")) {
    each.setAttribute("aria-pressed", each === button);
  }
}

for (const button of document.querySelectorAll("[data-zoom]")) {
  button.addEventListener("click", () => {
    overview.style.setProperty("--zoom", button.dataset.zoom);
    press(button);
  });
}

function cell(event) {
  const box = overview.getBoundingClientRect();
  const at = (place, size) =>
    Math.min(names.length - 1, Math.max(0, Math.floor((place / size) * names.length)));
  return [at(event.clientY - box.top, box.height), at(event.clientX - box.left, box.width)];
}

overview.addEventListener("pointermove", (event) => {
  const [row, column] = cell(event);
  const count = cells[row][column] ?? "few or none";
  document.getElementById("pointed").textContent =
    `${names[row]} called ${names[column]}: ${count} of ${totals[row]}`;
});

overview.addEventListener("click", (event) => {
  location.hash = `category-${places[cell(event)[0]]}`;
});

function open() {
  const line = document.getElementById(location.hash.slice(1));
  if (line?.tagName !== "DETAILS") return;
  line.hidden = false;
  line.open = true;
  line.scrollIntoView();
}

addEventListener("hashchange", open);
open();

document.getElementById("find").addEventListener("input", (event) => {
  const wanted = event.target.value.trim().toLowerCase();
  for (const line of lines) line.hidden = !line.dataset.name.toLowerCase().includes(wanted);
  const found = lines.filter((line) => !line.hidden).length;
  document.getElementById("found").textContent = wanted ? `${found} of ${lines.length}` : "";
});

for (const button of list.querySelectorAll("[data-sort]")) {
  button.addEventListener("click", () => {
    const key = button.dataset.sort;
    const pressed = button.getAttribute("aria-pressed") === "true";
    const down = pressed && button.dataset.down !== "true";
    button.dataset.down = down;
    const compare = (a, b) => (key === "name" ? a.localeCompare(b) : a - b);
    lines.sort((a, b) => (down ? -1 : 1) * compare(a.dataset[key], b.dataset[key]));
    list.append(...lines);
    press(button);
  });
}
