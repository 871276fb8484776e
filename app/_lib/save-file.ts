/** Lets the browser save a text or a blob as a file. */
export function saveFile(name: string, type: string, content: string | Blob): void {
  const url = URL.createObjectURL(
    typeof content === "string" ? new Blob([content], { type: `${type};charset=utf-8` }) : content,
  );
  saveLink(name, url);
  URL.revokeObjectURL(url);
}

/** Lets the browser save what an address answers as a file. */
export function saveLink(name: string, href: string): void {
  Object.assign(document.createElement("a"), { href, download: name }).click();
}
