import { createHash } from "node:crypto";

/** Content hash of a document: sha256 of title, line break and text. The same on workers, which name documents by it. */
export const documentHash = (title: string, text: string): string => createHash("sha256").update(`${title}\n${text}`).digest("hex");
