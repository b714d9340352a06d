import { article, isSure, say, show } from "./answers.js";
import * as game from "./game.js";
import { drawing, isPressed, listen, load, paint, undo } from "./paper.js";
import * as server from "./server.js";

const part = (id) => document.getElementById(id);
const classSet = part("class-set");

let known = new Map();
let opened = [];
let place = 0;

// Asking: one request at a time, and always for the newest drawing.
let revision = 0;
let asking = false;
let first = "";

listen(changed, say);

function changed() {
  revision += 1;
  const empty = drawing.strokes.length === 0;
  part("undo").disabled = part("save").disabled = empty;
  part("clear").disabled = empty && !game.wanted();
  part("right").disabled = part("category").disabled = false;
  ask();
}

function clear() {
  opened = [];
  part("next").hidden = true;
  notice();
  load([], false);
}

function notice(text = "", wrong = false) {
  part("notice").textContent = text;
  part("notice").classList.toggle("wrong", wrong);
  part("notice").setAttribute("role", wrong ? "alert" : "status");
}

async function look() {
  notice("Looking for classifiers …");
  part("again").hidden = true;
  try {
    offer(await server.classifiers());
  } catch (error) {
    notice(error.message, true);
    part("again").hidden = false;
  }
}

function offer(classifiers) {
  const before = classSet.value;
  known = new Map(classifiers.map((each) => [each.class_set, each]));
  classSet.replaceChildren(...classifiers.map(option));
  if (known.has(before)) classSet.value = before;
  classSet.disabled = part("game").disabled = known.size === 0;
  part("again").hidden = known.size > 0;
  notice(known.size ? "" : "There is no classifier yet: train one with “make run”.");
  choose();
}

function option({ class_set: key, categories }) {
  return new Option(`${categories.length}: ${categories.slice(0, 8).join(", ")}`, key);
}

function choose() {
  const { categories = [], origin = "", synthetic = false } = known.get(classSet.value) ?? {};
  game.stop();
  part("origin").textContent = origin && `Classifier: ${origin}.`;
  part("synthetic").hidden = !synthetic;
  part("categories").hidden = !categories.length;
  part("categories").firstElementChild.textContent = `All ${categories.length} categories`;
  const names = [...categories].sort((a, b) => a.localeCompare(b));
  part("categories").lastElementChild.replaceChildren(
    ...names.map((textContent) => Object.assign(document.createElement("li"), { textContent })),
  );
  part("category").replaceChildren(
    new Option("…", ""),
    ...names.map((name) => new Option(article(name), name)),
  );
  revision += 1;
  ask();
}

function named() {
  return { class_set: classSet.value, ...drawing };
}

async function ask() {
  document.body.dataset.state = "asking";
  if (asking) return;
  asking = true;
  for (let now = null; now !== revision; ) {
    now = revision;
    if (!drawing.strokes.length || !classSet.value) {
      answered([]);
      continue;
    }
    try {
      const { categories, bitmap } = await server.predictions(named());
      if (drawing.strokes.length) answered(categories, bitmap);
      if (part("notice").classList.contains("wrong")) notice();
    } catch (error) {
      notice(error.message, true);
    }
  }
  asking = false;
  document.body.dataset.state = "answered";
}

function answered(categories, bitmap) {
  show(categories, bitmap, isPressed());
  first = categories[0]?.category ?? "";
  game.answer(first, isSure(categories));
  part("truth").hidden = !first;
  const wanted = game.wanted();
  part("right").textContent = wanted ? `Keep it as ${article(wanted)}` : "That was right";
}

function play() {
  const { categories } = known.get(classSet.value);
  const others = categories.filter((category) => category !== game.wanted());
  const category = others[Math.floor(Math.random() * others.length)];
  game.start(category, article(category), (sentence) => {
    notice(sentence);
    part("game").textContent = "Play again";
  });
  clear();
}

async function keep(category) {
  part("right").disabled = part("category").disabled = true;
  part("category").value = "";
  try {
    const { drawings } = await server.keep({ ...named(), category });
    const count = drawings === 1 ? "1 drawing" : `${drawings} drawings`;
    notice(`Kept as ${article(category)}: ${count} in your test set of this class set.`);
  } catch (error) {
    part("right").disabled = part("category").disabled = false;
    notice(error.message, true);
  }
}

async function open(file) {
  if (!file) return;
  notice(`Reading ${file.name} …`);
  try {
    const { sketches, errors } = await server.sketches(file);
    game.stop();
    opened = sketches;
    replay(0);
    if (errors.length) notice(errors[0], true);
  } catch (error) {
    notice(error.message, true);
  }
}

function replay(number) {
  place = number;
  const { strokes, ink, warnings } = opened[number];
  part("next").hidden = opened.length < 2;
  const counted = opened.length < 2 ? [] : [`Drawing ${number + 1} of ${opened.length}.`];
  notice([...counted, ...warnings].join(" "));
  load([...strokes], true, ink);
}

function save() {
  const line = { word: game.wanted(), drawing: drawing.strokes };
  const content = new Blob([`${JSON.stringify(line)}\n`], { type: "application/x-ndjson" });
  const link = document.createElement("a");
  Object.assign(link, { href: URL.createObjectURL(content), download: "drawing.ndjson" });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href));
}

addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key === "z" && drawing.strokes.length) {
    event.preventDefault();
    undo();
  }
});

part("undo").addEventListener("click", undo);
part("clear").addEventListener("click", () => {
  game.stop();
  clear();
});
part("game").addEventListener("click", play);
part("look-again").addEventListener("click", look);
part("open").addEventListener("click", () => part("file").click());
part("next").addEventListener("click", () => replay((place + 1) % opened.length));
part("save").addEventListener("click", save);
classSet.addEventListener("change", choose);
part("file").addEventListener("change", async () => {
  await open(part("file").files[0]);
  part("file").value = "";
});
part("truth").addEventListener("submit", (event) => {
  event.preventDefault();
  keep(game.wanted() || first);
});
part("category").addEventListener("change", () => keep(part("category").value));

// Anywhere on the page: a browser would otherwise leave it for a file that misses the paper.
addEventListener("dragover", (event) => event.preventDefault());
addEventListener("drop", (event) => {
  event.preventDefault();
  open(event.dataTransfer.files[0]);
});

paint();
look();
