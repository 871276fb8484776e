/** A piece of a report: text, or an element. Pages draw it, files hold it as HTML; both escape every text. */
export type ReportNode = string | ReportElement;

export interface ReportElement {
  tag: string;
  /** Names as HTML has them. */
  attributes: Readonly<Record<string, string | number>>;
  children: readonly ReportNode[];
}

type Child = ReportNode | number | null | readonly ReportNode[];

/** Builds an element; null children are left out. */
export const buildElement = (
  tag: string,
  attributes: ReportElement["attributes"],
  ...children: Child[]
): ReportElement => ({
  tag,
  attributes,
  children: children
    .flat()
    .filter((child) => child !== null)
    .map((child) => (typeof child === "number" ? String(child) : child)),
});

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
};
export const escapeHtml = (text: string): string =>
  text.replaceAll(/[&<>"]/g, (character) => ENTITIES[character]!);

/** The HTML of a node. */
export function formatHtml(node: ReportNode): string {
  if (typeof node === "string") return escapeHtml(node);
  const attributes = Object.entries(node.attributes).map(
    ([name, value]) => ` ${name}="${escapeHtml(String(value))}"`,
  );
  return `<${node.tag}${attributes.join("")}>${node.children.map(formatHtml).join("")}</${node.tag}>`;
}
