import { AppError } from "@/contracts/errors";
import type { ConnectionConfig } from "@/contracts/run-config/model";
import type { PredictConfig } from "@/contracts/run-config/predict-config";
import { EndpointClient, type EndpointOptions } from "./endpoint-client";

/** Gives the API keys stored on the server to the run that names them. */
export interface EndpointKeySource {
  /** @throws AppError "not-found" for an unknown name, "unauthorized" where the key is stored for another origin */
  readEndpointKey(name: string, endpoint: string): Promise<string>;
}

/**
 * Client options from the `connection` settings of a model, with the key that they name.
 * @throws AppError "unsupported" where a key is named and `keys` has none to give (short tasks)
 */
export async function buildEndpointOptions(
  endpoint: string,
  connection: ConnectionConfig,
  keys: Partial<EndpointKeySource>,
): Promise<Partial<EndpointOptions>> {
  const { key, timeoutSeconds, retrySeconds, ...limitsAndPrices } = connection;
  const options = {
    ...limitsAndPrices,
    timeoutMs: timeoutSeconds * 1000,
    retryBudgetMs: retrySeconds * 1000,
  };
  if (key === null) return options;
  if (!keys.readEndpointKey)
    throw new AppError(
      "unsupported",
      `The stored key "${key}" is given to runs only, not to short tasks.`,
    );
  return { ...options, apiKey: await keys.readEndpointKey(key, endpoint) };
}

/** Short limits for checks before a run: one that cannot start should say so soon. */
export const PROBE_OPTIONS: Partial<EndpointOptions> = { retryBudgetMs: 20_000, timeoutMs: 20_000 };

/**
 * Asks the endpoint of a method's own model for one token.
 * @returns how long it took, as text
 * @throws AppError "generator-unavailable" where no answer comes
 */
export async function probeMethodModel(
  { endpoint, connection, model, api }: PredictConfig["searcher"],
  signal: AbortSignal,
  keys: Partial<EndpointKeySource>,
): Promise<string> {
  if (endpoint === null) throw new AppError("internal", "The method's model is in the engine.");
  const client = new EndpointClient(endpoint, {
    ...(await buildEndpointOptions(endpoint, connection, keys)),
    ...PROBE_OPTIONS,
  });
  const body = { model, max_tokens: 1, temperature: 0 };
  const { seconds } = await (api === "chat"
    ? client.chat({ ...body, messages: [{ role: "user", content: "Ready?" }] }, signal)
    : client.complete({ ...body, prompt: "Ready?" }, signal));
  return `answers in ${seconds.toFixed(1)} s`;
}
