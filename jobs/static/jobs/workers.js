/* Workers have half a second to answer; the page does not wait for them. */
"use strict";
const lists = document.querySelectorAll("[data-workers]");
const queues = document.querySelectorAll("[data-queue]");
if (lists.length || queues.length) {
  fetch("/api/workers", { headers: { Accept: "application/json" } })
    .then((answer) => (answer.ok ? answer.json() : Promise.reject(new Error(answer.status))))
    .then(tell)
    .catch(() => list(() => told("The workers could not be asked.")));
}

function tell({ broker, workers }) {
  if (broker !== "ok") return list(() => told("The broker does not answer, so no worker can be asked."));
  list(() => (workers.length ? tableOf(workers) : told("No worker answers.")));
  /* One that has not said in time what it serves may serve anything. */
  if (workers.some((worker) => worker.queues.length === 0)) return;
  const served = new Set(workers.flatMap((worker) => worker.queues));
  for (const place of queues) {
    if (!served.has(place.dataset.queue)) place.textContent = place.dataset.unserved;
  }
}

function list(made) {
  for (const place of lists) place.replaceChildren(made());
}

function told(text, name = "p") {
  const element = document.createElement(name);
  element.textContent = text;
  return element;
}

function tableOf(workers) {
  const table = document.createElement("table");
  for (const worker of workers) {
    const row = table.insertRow();
    row.append(told(`${worker.name}: ${worker.queues.join(", ")}`, "td"));
    const slots = told(worker.slots === null ? "" : `${worker.slots} at once`, "td");
    slots.className = "number";
    row.append(slots);
  }
  return table;
}
