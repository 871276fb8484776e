import type { QuestionSource } from "./import-choice";

/** "My questions.jsonl" -> "my-questions": a name that the server takes. */
export const suggestSetName = (fileName: string): string =>
  fileName
    .replace(/\.\w+$/, "")
    .toLowerCase()
    .replace(/[^\w.-]+/g, "-")
    .replace(/^[-.]+|[-.]+$/g, "")
    .slice(0, 120);

/** The request's form of a file. */
export const readSource = async (file: File): Promise<QuestionSource> => ({
  fileName: file.name,
  content: await encodeBase64(file),
  encoding: "base64",
});

const encodeBase64 = (file: File): Promise<string> =>
  new Promise((resolve, reject) => {
    const reader = new FileReader();
    // A data URL: the content stands after its comma.
    reader.onload = () => resolve((reader.result as string).replace(/^[^,]*,/, ""));
    reader.onerror = () => reject(reader.error ?? new Error("unreadable"));
    reader.readAsDataURL(file);
  });
