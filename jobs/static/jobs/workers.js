/* Workers have half a second to answer; the page does not wait for them. */
"use strict";
for (const place of document.querySelectorAll("[data-workers]")) {
  fetch(place.dataset.workers, { headers: { Accept: "application/json" } })
    .then((answer) => (answer.ok ? answer.json() : Promise.reject(new Error(answer.status))))
    .then(({ workers }) => place.replaceChildren(workers.length ? tableOf(workers) : told("No worker answers.")))
    .catch(() => place.replaceChildren(told("The workers could not be asked.")));
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
