"use strict";
(() => {
  const table = document.getElementById("fleet");
  if (!table) return;
  const body = table.tBodies[0];
  const rows = Array.from(body.rows);
  const parts = [...new Set(rows.map((row) => row.dataset.details).filter(Boolean))].map((id) => document.getElementById(id));
  const search = document.getElementById("search");
  const status = document.getElementById("status");
  const shown = document.getElementById("shown");

  const filter = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    const wanted = new Set(); // a part may be that of several rows
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      const fits = words.every((word) => text.includes(word)) && (!status.value || row.dataset.status === status.value);
      row.hidden = !fits;
      if (fits) wanted.add(row.dataset.details);
      count += fits ? 1 : 0;
    }
    for (const part of parts) part.hidden = !wanted.has(part.id);
    shown.textContent = `${count} of ${rows.length} shown`;
  };

  const key = (row, column) => row.cells[column].dataset.key ?? row.cells[column].textContent.trim();
  const compare = (a, b) => a.localeCompare(b, "en", { numeric: true });
  const sort = (header) => {
    const down = header.getAttribute("aria-sort") === "ascending";
    for (const other of header.parentNode.cells) other.removeAttribute("aria-sort");
    header.setAttribute("aria-sort", down ? "descending" : "ascending");
    const column = header.cellIndex;
    rows.sort((a, b) => (down ? -1 : 1) * compare(key(a, column), key(b, column)));
    body.append(...rows);
  };

  for (const header of table.tHead.rows[0].cells) {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...header.childNodes);
    button.addEventListener("click", () => sort(header));
    header.append(button);
  }
  search.addEventListener("input", filter);
  status.addEventListener("change", filter);
  document.getElementById("controls").hidden = false;
  filter();
})();
