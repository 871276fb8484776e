import { open } from "node:fs/promises";
import { AppError } from "@/contracts/errors";
import { isLoopbackHost } from "@/contracts/formats/loopback";
import { parseCredentials } from "@/gpu-workers/runtime/credentials";

/** The environment variable that the hub's own client reads, too. */
const VARIABLE = "HF_TOKEN";
const HUB_ORIGIN = "https://huggingface.co";

/**
 * Reads the token for a hub: of a file that only this user can read, else HF_TOKEN. The variable is for
 * https://huggingface.co; another origin gets it only where S3_CREDENTIALS binds it to that one. The token is part of no
 * error.
 *
 * @returns undefined where there is none for this hub
 * @throws AppError "unauthorized" for a file that others can read, or a token that would be sent unencrypted;
 *   "invalid-input" for a file that holds no token
 */
export async function readHubToken(
  endpoint: string,
  file: string | undefined,
  environment: Partial<NodeJS.ProcessEnv> = process.env,
): Promise<string | undefined> {
  const { origin, protocol, host } = new URL(endpoint);
  const token = file === undefined ? readVariable(origin, environment) : await readTokenFile(file);
  if (token !== undefined && protocol !== "https:" && !isLoopbackHost(host))
    throw new AppError(
      "unauthorized",
      `A token is not sent to ${origin}, where all between could read it: give the hub's https address.`,
    );
  return token;
}

function readVariable(origin: string, environment: Partial<NodeJS.ProcessEnv>): string | undefined {
  const token = environment[VARIABLE]?.trim();
  if (!token) return undefined;
  const bound = parseCredentials(environment.S3_CREDENTIALS).filter(([name]) => name === VARIABLE);
  const isMeant =
    bound.length === 0 ? origin === HUB_ORIGIN : bound.some(([, target]) => target === origin);
  return isMeant ? token : undefined;
}

async function readTokenFile(path: string): Promise<string> {
  const file = await open(path).catch((cause: unknown) => {
    throw new AppError("not-found", `The token's file ${path} cannot be opened.`, { cause });
  });
  try {
    // Looked at through the open file, so that it is the one that is read.
    const { mode } = await file.stat();
    if ((mode & 0o077) !== 0)
      throw new AppError(
        "unauthorized",
        `${path} holds a token, and others than you can read it: chmod 600 ${path}`,
      );
    const token = (await file.readFile("utf8")).trim();
    if (!/^[\x21-\x7e]+$/.test(token))
      throw new AppError("invalid-input", `${path} must hold the token alone, on one line.`);
    return token;
  } finally {
    await file.close();
  }
}
