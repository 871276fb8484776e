/** Puts a text on the clipboard and tells the user whether it worked. */
export function copyText(
  text: string,
  success: string,
  notify: (tone: "good" | "bad", message: string) => void,
): void {
  navigator.clipboard.writeText(text).then(
    () => notify("good", success),
    (error: Error) => notify("bad", `Not copied: ${error.message}`),
  );
}
