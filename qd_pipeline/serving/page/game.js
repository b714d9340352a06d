// "Draw a camel": twenty seconds a drawing, as in the game that the dataset comes from.
const SECONDS = 20;

const part = (id) => document.getElementById(id);
let asked = "";
let ends = 0;
let timer = 0;
let tell = () => {};

// Asks for a drawing; calls `ended` with a sentence when it is recognised or the time is up.
export function start(category, name, ended) {
  stop();
  asked = category;
  tell = ended;
  ends = performance.now() + 1000 * SECONDS;
  part("task").textContent = `Draw ${name}`;
  part("clock").hidden = false;
  tick();
  timer = setInterval(tick, 100);
}

export function stop() {
  clearInterval(timer);
  timer = 0;
  asked = "";
  part("task").textContent = "Draw";
  part("clock").hidden = true;
}

// The category that was asked for last, also when its time is up; "" in free drawing.
export function wanted() {
  return asked;
}

export function answer(category, sure) {
  if (!timer || category !== asked || !sure) return;
  const seconds = SECONDS - (ends - performance.now()) / 1000;
  end(`Recognised after ${seconds.toFixed(1)} seconds.`);
}

function tick() {
  const left = Math.max(0, ends - performance.now());
  part("clock").textContent = `${Math.ceil(left / 1000)} s`;
  if (!left) end("Time is up: it was not recognised.");
}

function end(sentence) {
  clearInterval(timer);
  timer = 0;
  tell(sentence);
}
