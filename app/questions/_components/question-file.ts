import type { QuestionSource } from "./import-choice";

/** "My questions.jsonl" -> "my-questions": a name that the server takes. */
export const suggestSetName = (fileName: string): string =>
  fileName
    .replace(/\.\w+$/, "")
    .toLowerCase()
    .replace(/[^\w.-]+/g, "-")
    .replace(/^[-.]+|[-.]+$/g, "")
    .slice(0, 120);

/** The request's form of a file: text, or base64 where it is binary. */
export async function readSource(file: File): Promise<QuestionSource> {
  const binary = file.name.toLowerCase().endsWith(".parquet");
  const bytes = new Uint8Array(await file.arrayBuffer());
  const content = binary
    ? await encodeBase64(file)
    : new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  return { fileName: file.name, content, encoding: binary ? "base64" : "utf8" };
}

const encodeBase64 = (file: File): Promise<string> =>
  new Promise((resolve, reject) => {
    const reader = new FileReader();
    // A data URL: the content stands after its comma.
    reader.onload = () => resolve((reader.result as string).replace(/^[^,]*,/, ""));
    reader.onerror = () => reject(reader.error ?? new Error("unreadable"));
    reader.readAsDataURL(file);
  });
