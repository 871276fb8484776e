/** tsx keeps the names of functions by a function of its own, which code that is sent to a page lacks there. */
export const DEFINE_NAME = "globalThis.__name = (value) => value;";
