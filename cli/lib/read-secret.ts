import { readFile } from "node:fs/promises";
import { text } from "node:stream/consumers";
import { AppError } from "@/contracts/errors";

/** The secret of a file, -: of standard input, without the end of its line. @throws AppError "invalid-input" where there is none */
export async function readSecret(file: string): Promise<string> {
  const found = file === "-" ? await text(process.stdin) : await readFile(file, "utf8");
  const secret = found.trim();
  if (!secret) throw new AppError("invalid-input", `${file} holds no secret.`);
  return secret;
}
