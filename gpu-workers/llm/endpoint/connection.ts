import { AppError } from "@/contracts/errors";
import type { ConnectionConfig, DialectName } from "@/contracts/run-config/model";
import type { PredictConfig } from "@/contracts/run-config/predict-config";
import type { TokenSampling } from "@/contracts/run-config/sampling";
import { markMessage } from "@/core/texts/mark-message";
import { buildSamplingParameters } from "./sampling-parameters";
import { EndpointClient, type EndpointOptions, type TimedReply } from "./endpoint-client";

/** Gives the API keys stored on the server to the run that names them. */
export interface EndpointKeySource {
  /** @throws AppError "not-found" for an unknown name, "unauthorized" where the key is stored for another origin */
  readEndpointKey(name: string, endpoint: string): Promise<string>;
}

/**
 * Client options from the settings of a model at an endpoint, with the key that they name.
 * @throws AppError "unsupported" where a key is named and `keys` has none to give (short tasks)
 */
export async function buildEndpointOptions(
  endpoint: string,
  { connection, dialect = "openai" }: { connection: ConnectionConfig; dialect?: DialectName },
  keys: Partial<EndpointKeySource>,
): Promise<Partial<EndpointOptions>> {
  const { key, timeoutSeconds, retrySeconds, ...limitsAndPrices } = connection;
  const options = {
    ...limitsAndPrices,
    dialect,
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

/** Tokens of a check's reply: some servers refuse fewer, and a model that thinks should not keep a run waiting. */
export const PROBE_TOKENS = 16;

/**
 * What a model said to a check, for people. Any reply says that it is there; whether its answers can be used shows when
 * it is asked a real question.
 */
export function describeReply(
  {
    text,
    thoughts,
    finish,
    refusal = null,
    seconds,
  }: Pick<TimedReply, "text" | "thoughts" | "finish" | "seconds"> & { refusal?: string | null },
  refused = "",
): string {
  const said = text.replace(/\s+/g, " ").trim();
  const seen =
    said !== ""
      ? `"${said.length > 40 ? `${said.slice(0, 40)}…` : said}"`
      : (refusal ??
        (thoughts === null ? markMessage`an empty text` : markMessage`only its thoughts, as yet`));
  const end = finish === "stop" || finish === "length" ? "" : `, finish_reason ${finish}`;
  const without = refused === "" ? "" : `; ${markMessage`it refuses ${refused}`}`;
  return `${markMessage`answers in ${seconds.toFixed(1)} s`}: ${seen}${end}${without}`;
}

/**
 * Asks the endpoint of a method's own model for a few tokens, sampled as in the run.
 * @param setParameters what the run's settings ask for, each with its setting
 * @returns how long it took and what came, as text
 * @throws AppError "generator-unavailable" where no reply comes
 */
export async function probeMethodModel(
  { endpoint, model, api, ...asked }: PredictConfig["searcher"],
  signal: AbortSignal,
  keys: Partial<EndpointKeySource>,
  sampling: TokenSampling = { temperature: 0 },
  setParameters: EndpointOptions["setParameters"] = {},
): Promise<string> {
  if (endpoint === null) throw new AppError("internal", "The method's model is in the engine.");
  const client = new EndpointClient(endpoint, {
    ...(await buildEndpointOptions(endpoint, asked, keys)),
    ...PROBE_OPTIONS,
    setParameters,
  });
  const body = { model, max_tokens: PROBE_TOKENS, ...buildSamplingParameters(sampling) };
  const reply = await client.ask(
    api === "chat"
      ? { ...body, messages: [{ role: "user", content: "Ready?" }] }
      : { ...body, prompt: "Ready?" },
    signal,
  );
  return describeReply(reply, client.describeRefused(model));
}
