import { AppError } from "@/contracts/errors";

/** `NAME=https://origin`, as S3_CREDENTIALS and `--credential` have it. */
const ENTRY = /^([A-Za-z_][A-Za-z0-9_]*)=(https?:\/\/.+)$/;

/**
 * The variables of the environment that may be sent, each with the origins it is for.
 * @throws AppError "invalid-input" for an entry of another form
 */
export function parseCredentials(text: string | undefined): [name: string, origin: string][] {
  const entries = text?.split(/[\s,]+/).filter((entry) => entry !== "") ?? [];
  return entries.map((entry) => {
    const [, name, address] = ENTRY.exec(entry) ?? [];
    if (name === undefined || !URL.canParse(address!))
      throw new AppError(
        "invalid-input",
        `"${entry.slice(0, 80)}" names no credential: it is NAME=https://host, the environment variable that holds a key and the origin that the key is for.`,
      );
    return [name, new URL(address!).origin];
  });
}

/**
 * Reads the key from the environment variable that a configuration names; undefined where it names none. Whoever launches
 * a run chooses variable and address, so a variable is sent only to the origins that S3_CREDENTIALS binds it to on this
 * worker. A key is never part of an error or a log.
 *
 * @throws AppError "unauthorized" where the variable is not set, or may not be sent there
 */
export function readCredential(
  variable: string | null,
  address: string,
  environment: Partial<NodeJS.ProcessEnv> = process.env,
): string | undefined {
  if (variable === null) return undefined;
  const { origin } = new URL(address);
  const allowed = parseCredentials(environment.S3_CREDENTIALS);
  if (!allowed.some(([name, to]) => name === variable && to === origin))
    throw new AppError(
      "unauthorized",
      `this worker does not send the environment variable ${variable} to ${origin}; if it holds the key for that server, say so where the worker is started: --credential ${variable}=${origin} (or S3_CREDENTIALS=${variable}=${origin} npm start)`,
    );
  const value = environment[variable]?.trim();
  if (!value)
    throw new AppError(
      "unauthorized",
      `the environment variable ${variable}, which should hold the API key, is not set on this worker; set it where the worker is started`,
    );
  return value;
}
