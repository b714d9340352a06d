// What the classifier makes of the drawing.
const SHOWN = 10;

// The probabilities are calibrated: below a half, it is wrong more often than right.
const SURE_FROM = 0.5;

const part = (id) => document.getElementById(id);
let spoken = "";

export function say(text) {
  if (text !== spoken) part("spoken").textContent = spoken = text;
}

export function isSure([first]) {
  return first !== undefined && first.probability >= SURE_FROM;
}

export function article(category) {
  if (/^The |[^su]s$/.test(category)) return category;
  return `${/^[aeiou]/i.test(category) ? "an" : "a"} ${category}`;
}

export function show(categories, bitmap, quiet) {
  const list = part("answers");
  list.replaceChildren(...categories.slice(0, SHOWN).map(item));
  const [first] = categories;
  const sure = isSure(categories);
  list.classList.toggle("unsure", !sure);
  part("waiting").hidden = first !== undefined;
  part("seen").hidden = !bitmap;
  if (bitmap) paintBitmap(Uint8Array.from(atob(bitmap), (byte) => byte.charCodeAt(0)));
  part("verdict").textContent = first === undefined ? "What it could be" : verdict(first, sure);
  if (first !== undefined && !quiet) {
    say(`${sure ? "" : "Not sure: "}${first.category}, ${inPercent(first.probability)}`);
  }
}

function verdict({ category }, sure) {
  return sure ? `It is ${article(category)}` : `Not sure, perhaps ${article(category)}`;
}

// Softmax is never quite sure.
function inPercent(probability) {
  if (probability > 0.999) return "> 99.9 %";
  return probability < 0.001 ? "< 0.1 %" : `${(100 * probability).toFixed(1)} %`;
}

function item({ category, probability }) {
  const made = document.createElement("li");
  const texts = { bar: "", category, chance: inPercent(probability) };
  for (const [className, textContent] of Object.entries(texts)) {
    made.append(Object.assign(document.createElement("span"), { className, textContent }));
  }
  made.firstChild.style.width = `${100 * probability}%`;
  Object.assign(made.dataset, { category, probability });
  return made;
}

function paintBitmap(levels) {
  const canvas = part("bitmap");
  const side = Math.sqrt(levels.length);
  canvas.width = canvas.height = side;
  const context = canvas.getContext("2d");
  const picture = context.createImageData(side, side);
  levels.forEach((level, i) => picture.data.set([level, level, level, 255], 4 * i));
  context.putImageData(picture, 0, 0);
}
