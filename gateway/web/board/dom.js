// Building and patching the page without a framework. Text is only ever set as text: nothing is parsed as HTML.

/**
 * An element with its attributes and children. `on…` attributes are listeners, null and false leave an attribute out,
 * true sets it empty; null children are left out.
 */
export function h(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
    else setAttribute(node, name, value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return node;
}

export function setAttribute(node, name, value) {
  if (value === null || value === undefined || value === false) node.removeAttribute(name);
  else if (node.getAttribute(name) !== String(value)) node.setAttribute(name, value === true ? '' : value);
}

/** Sets the text where it differs: what stays the same costs no layout, and screen readers are not disturbed. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Shows the text, or hides the node where there is none. */
export function setLine(node, text) {
  setText(node, text ?? '');
  node.hidden = !text;
}

/** Fills a `<select>` with `[value, text]` pairs and keeps the choice where it is still there. */
export function setOptions(select, pairs) {
  const chosen = select.value;
  const same =
    select.options.length === pairs.length &&
    pairs.every(([value, text], i) => select.options[i].value === value && select.options[i].text === text);
  if (same) return;
  select.replaceChildren(...pairs.map(([value, text]) => h('option', { value }, text)));
  if (pairs.some(([value]) => value === chosen)) select.value = chosen;
}

export const byId = (id) => document.getElementById(id);

/** Calls `work` once in the next frame, however often it is asked for until then. */
export function perFrame(work) {
  let isDue = false;
  return () => {
    if (isDue) return;
    isDue = true;
    requestAnimationFrame(() => {
      isDue = false;
      work();
    });
  };
}

/** Something was changed: `target` tells those who listen. */
export function tell(target, type, detail) {
  target.dispatchEvent(new CustomEvent(type, { detail }));
}
