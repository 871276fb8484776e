const warned = new Set<string>();

/** Writes a warning to the worker's log, once for each reason. */
function warnOnce(reason: string): void {
  if (warned.has(reason)) return;
  warned.add(reason);
  process.emitWarning(`S3_GENERATOR_API_KEY is not sent: ${reason}`);
}

/** Origin of an http(s) address; null for all others, which would share the origin "null". */
const parseOrigin = (address: string): string | null =>
  /^https?:/i.test(address) && URL.canParse(address) ? new URL(address).origin : null;

/**
 * The API key of the worker's environment, for runs that name no stored key. It is sent only to the origin that it is
 * bound to: the user who launches a run chooses its endpoint, and could otherwise have the key sent to any server.
 */
export function findEnvironmentKey(
  endpoint: string,
  environment: NodeJS.ProcessEnv = process.env,
  warn: (reason: string) => void = warnOnce,
): string | undefined {
  const { S3_GENERATOR_API_KEY: key, S3_GENERATOR_API_KEY_ORIGIN: bound } = environment;
  if (!key) return undefined;
  const origin = bound ? parseOrigin(bound) : null;
  if (origin !== null && origin === parseOrigin(endpoint)) return key;
  if (!bound)
    warn(
      "set S3_GENERATOR_API_KEY_ORIGIN to the origin of the server that it is for, e.g. https://api.example.com.",
    );
  else if (origin === null)
    warn(
      `S3_GENERATOR_API_KEY_ORIGIN is no address ("${bound}"); set it to the origin of the server that it is for, e.g. https://api.example.com.`,
    );
  else
    warn(
      `it is for ${origin} (S3_GENERATOR_API_KEY_ORIGIN), not for ${parseOrigin(endpoint)}. Where that server wants a key, store one on the Workers page and name it in the run (connection.key).`,
    );
  return undefined;
}
