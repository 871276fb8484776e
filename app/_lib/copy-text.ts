import type { Text } from "@/app/_i18n/format-text";

/** Puts a text on the clipboard and tells the user whether it worked. */
export function copyText(
  t: Text,
  text: string,
  success: string,
  notify: (tone: "good" | "bad", message: string) => void,
): void {
  navigator.clipboard.writeText(text).then(
    () => notify("good", success),
    (error: Error) => notify("bad", t("Not copied: {reason}", { reason: error.message })),
  );
}
