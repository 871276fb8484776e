import { randomBytes } from "node:crypto";
import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { LOCAL_WORKER_TOKEN_FILE } from "@/lib/parent-watchdog";
import type { WorkerTokens } from "./worker-tokens";

/** Makes the token with which this machine's own worker attaches: a file that only this user can read. */
export async function ensureLocalWorkerToken(tokens: WorkerTokens, dataDir: string): Promise<void> {
  const path = join(dataDir, LOCAL_WORKER_TOKEN_FILE);
  await mkdir(dataDir, { recursive: true });
  let token = await readFile(path, "utf8").then(
    (text) => text.trim(),
    () => "",
  );
  if (token === "") {
    token = `s3w_${randomBytes(32).toString("base64url")}`;
    await writeFile(path, `${token}\n`, { mode: 0o600 });
  }
  await chmod(path, 0o600);
  await tokens.ensure("this machine", token, "server");
}
