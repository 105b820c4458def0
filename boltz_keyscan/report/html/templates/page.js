
"use strict";
// The page is complete without this: filters, order, copying and short links are all it adds.
const data = document.getElementById("data");
const keys = data ? JSON.parse(data.textContent).keys : [];
const list = document.querySelector(".cards");
const items = list ? Array.from(list.children) : [];
const form = document.querySelector(".filters");

function copyButton(text, label) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "Copy";
  button.setAttribute("aria-label", label);
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text());
      button.textContent = "Copied";
    } catch {
      button.textContent = "Not allowed";
    }
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  });
  return button;
}

function addButtons(root) {
  for (const block of root.querySelectorAll(".commands")) {
    const lines = Array.from(block.querySelectorAll("code"));
    block.append(copyButton(() => lines.map((line) => line.textContent).join("\n"), "Copy the commands"));
  }
  for (const code of root.querySelectorAll(".copy")) {
    code.after(copyButton(() => code.textContent, "Copy the fingerprint"));
  }
}

const orders = {
  new: (a, b) => (b.a ?? -Infinity) - (a.a ?? -Infinity),
  old: (a, b) => (a.a ?? Infinity) - (b.a ?? Infinity),
  places: (a, b) => b.n - a.n,
  path: (a, b) => (a.p[0] < b.p[0] ? -1 : a.p[0] > b.p[0] ? 1 : 0),
};

function matches(key, wanted) {
  const text = wanted.get("text").trim().toLowerCase();
  return (!text || key.f.includes(text) || key.p.some((path) => path.toLowerCase().includes(text)))
    && (!wanted.get("v") || key.v === wanted.get("v"))
    && (!wanted.get("x") || key.x.includes(wanted.get("x")))
    && (!wanted.get("s") || key.s === wanted.get("s"));
}

let order = "";
function apply() {
  const wanted = new FormData(form);
  let shown = 0;
  keys.forEach((key, number) => {
    const hit = matches(key, wanted);
    items[number].hidden = !hit;
    shown += hit;
  });
  if (wanted.get("order") !== order) {
    order = wanted.get("order");
    const numbers = keys.map((_, number) => number);
    if (order) numbers.sort((a, b) => orders[order](keys[a], keys[b]) || a - b);
    list.append(...numbers.map((number) => items[number]));
  }
  form.querySelector(".found").textContent = `${shown.toLocaleString("en")} of ${keys.length.toLocaleString("en")} keys`;
}

// A link may have the first digits only: #bk1:0123abcd.
function follow() {
  const name = decodeURIComponent(location.hash.slice(1));
  if (!name.startsWith("bk1:")) return;
  const found = keys.filter((key) => key.f.startsWith(name));
  if (found.length !== 1) return;
  const item = items[keys.indexOf(found[0])];
  if (item.hidden) form.reset();
  if (found[0].f !== name) location.replace(`#${found[0].f}`);
  else item.scrollIntoView();
}

addButtons(document);
if (form && keys.length > 1) {
  form.hidden = false;
  form.addEventListener("input", apply);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(apply));
  apply();
}
addEventListener("hashchange", follow);
// A link to the key that the address already names changes nothing, so its card may stay filtered out.
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[href^='#bk1:']");
  if (link && link.hash === location.hash) follow();
});
follow();
