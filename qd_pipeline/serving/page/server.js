// Requests to the page's server. An error's message is for people.
export async function classifiers() {
  return (await answered(fetch("classifiers"))).classifiers;
}

export function predictions(drawing) {
  return answered(post("predictions", JSON.stringify(drawing), "application/json"));
}

export function sketches(file) {
  return answered(
    post(`sketches?name=${encodeURIComponent(file.name)}`, file, "application/octet-stream"),
  );
}

export function keep(drawing) {
  return answered(post("own", JSON.stringify(drawing), "application/json"));
}

function post(path, body, type) {
  return fetch(path, { method: "POST", headers: { "Content-Type": type }, body });
}

async function answered(request) {
  const response = await request.catch(() => {
    throw new Error("The server does not answer: start it again with “make draw”.");
  });
  const content = await response.json().catch(() => ({ error: "The server’s answer is damaged." }));
  if (!response.ok) throw new Error(content.error);
  return content;
}
