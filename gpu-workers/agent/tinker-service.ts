import { AppError } from "@/contracts/errors";
import type { TinkerService } from "@/gpu-workers/llm/engine/process";
import { parseCredentials, readCredential } from "@/gpu-workers/runtime/credentials";

/** The variable that the SDK, too, has the key in. */
const KEY = "TINKER_API_KEY";

/**
 * The Tinker service that a worker was told to train with; undefined: none. The key is read where one is set or allowed.
 *
 * @throws AppError "invalid-input" for options of another form, "unsupported" beside several GPUs, "unauthorized" where the
 * key may not be sent to the service
 */
export function chooseTinkerService(
  {
    tinkerUrl,
    engineDevices,
    rayAddress,
  }: { tinkerUrl?: string; engineDevices?: number; rayAddress?: string },
  environment: Partial<NodeJS.ProcessEnv> = process.env,
): TinkerService | undefined {
  const bases = parseBases(environment.S3_TINKER_BASES);
  if (tinkerUrl === undefined) {
    if (Object.keys(bases).length > 0)
      throw new AppError("invalid-input", "--tinker-base needs --tinker-url.");
    return undefined;
  }
  if (!URL.canParse(tinkerUrl) || !/^https?:$/.test(new URL(tinkerUrl).protocol))
    throw new AppError(
      "invalid-input",
      `--tinker-url is "${tinkerUrl.slice(0, 80)}": give an address like http://127.0.0.1:8000.`,
    );
  const address = new URL(tinkerUrl);
  if (address.username !== "" || address.password !== "" || address.search !== "")
    throw new AppError(
      "invalid-input",
      `--tinker-url holds more than an address: the key is ${KEY} in the environment.`,
    );
  if ((engineDevices ?? 1) > 1 || rayAddress !== undefined)
    throw new AppError(
      "unsupported",
      "With --tinker-url the service trains: leave --engine-devices and --ray-address out.",
    );
  const url = address.href.replace(/\/$/, "");
  const allowed = parseCredentials(environment.S3_CREDENTIALS).filter(([name]) => name === KEY);
  const hasKey = Boolean(environment[KEY]);
  // No run chooses this address: what is missing is one flag alone.
  if (hasKey && !allowed.some(([, origin]) => origin === address.origin))
    throw new AppError(
      "unauthorized",
      `${KEY} is set, but this worker was not told to send it to ${address.origin}. Start it with this flag added: --credential ${KEY}=${address.origin}${allowed.length === 0 ? ` (or unset ${KEY}, where the service wants no key)` : ""}`,
    );
  return {
    url,
    key: readCredential(hasKey || allowed.length > 0 ? KEY : null, url, environment),
    bases,
  };
}

/** @throws AppError "invalid-input" for an entry of another form */
function parseBases(text: string | undefined): Record<string, string> {
  const entries = text?.split(",").filter((entry) => entry !== "") ?? [];
  return Object.fromEntries(
    entries.map((entry) => {
      const at = entry.indexOf("=");
      if (at < 1 || at === entry.length - 1)
        throw new AppError(
          "invalid-input",
          `--tinker-base "${entry.slice(0, 80)}" is not FOLDER=NAME, e.g. qwen3-8b=Qwen/Qwen3-8B.`,
        );
      return [entry.slice(0, at), entry.slice(at + 1)];
    }),
  );
}
