/* Drawing a page: where it is still the same one, only what differs, so that all else stays in place. */

const isComponent = (value) => Boolean(value?.props && value.type && value.namespace);

const isObject = (value) => typeof value === "object" && value !== null;

const isEqual = (former, next) => {
  if (!isObject(former) || !isObject(next)) return former === next;
  const names = Object.keys(former);
  return names.length === Object.keys(next).length
    && names.every((name) => isEqual(former[name], next[name]));
};

/* The same component with other values: it can be kept. */
const isKept = (former, next) =>
  isComponent(former) && isComponent(next)
  && former.type === next.type && former.namespace === next.namespace
  && isEqual(former.props.id, next.props.id)
  && isEqual(Object.keys(former.props), Object.keys(next.props));

const pairs = (former, next) => next.map((item, place) => [former[place], item, place]);

const areKept = (former, next) =>
  Array.isArray(former) && Array.isArray(next) && former.length === next.length
  && pairs(former, next).every(([one, other]) => isEqual(one, other) || isKept(one, other));

/* Set what differs of a component that is drawn at a path of Dash's layout. */
const amend = (former, next, path) => {
  const changed = {};
  for (const [name, value] of Object.entries(next.props)) {
    const before = former.props[name];
    const inside = [...path, "props", name];
    if (isEqual(before, value)) continue;
    if (name === "children" && isKept(before, value)) amend(before, value, inside);
    else if (name === "children" && areKept(before, value)) amendAll(before, value, inside);
    else changed[name] = value;
  }
  if (Object.keys(changed).length) window.dash_clientside.set_props(path, changed);
};

const amendAll = (former, next, path) => {
  for (const [one, other, place] of pairs(former, next)) {
    if (!isEqual(one, other)) amend(one, other, [...path, place]);
  }
};

/* Where a component is in the layout. */
const pathOf = (id, inside, path = []) => {
  if (Array.isArray(inside)) {
    for (const [place, one] of inside.entries()) {
      const found = pathOf(id, one, [...path, place]);
      if (found) return found;
    }
    return null;
  }
  if (!isComponent(inside)) return null;
  return inside.props.id === id ? path : pathOf(id, inside.props.children, [...path, "props", "children"]);
};

window.dash_clientside = Object.assign({}, window.dash_clientside, {
  page: {
    /* The answer is the page that is to be drawn, drawn the one that is. */
    draw: (answer, drawn) => {
      if (drawn?.path !== answer.path || !areKept(drawn.content, answer.content)) {
        return [answer.content, answer];
      }
      const { components } = window.dash_component_api.getLayout([]);
      const page = pathOf("page", components, ["components"]);
      amendAll(drawn.content, answer.content, [...page, "props", "children"]);
      return [window.dash_clientside.no_update, answer];
    },
  },
});
