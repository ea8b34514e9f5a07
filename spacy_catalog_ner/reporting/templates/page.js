"use strict";
const data = JSON.parse(document.getElementById("data").textContent);

// All that comes from the data becomes a text node: it can never be markup.
function element(name, className, ...children) {
  const node = document.createElement(name);
  if (className) node.className = className;
  node.append(...children);
  return node;
}
