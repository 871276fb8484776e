import type { VendorDialect } from "@/contracts/run-config/model";
import { AppError } from "@/contracts/errors";
import { parseJsonOrNull } from "@/lib/json";
import type { CompletionBody } from "./completion-body";
import { postJson, type HttpReply } from "./post-json";
import type { Reply } from "./read-reply";
import { openGoogleCredential, readBedrockCredentials } from "./vendor-credentials";
import { isClaude, requireSayable } from "./vendor-limits";
import {
  buildCallOptions,
  listIgnored,
  readRetryInfo,
  readVendorReply,
  type VendorModel,
} from "./vendor-reply";

/** What came back; its reply is null where the server answers in another form, or with an error status. */
export interface VendorExchange extends HttpReply {
  reply: Reply | null;
  /** Parameters, in OpenAI's names, that the library did not send. */
  ignored: string[];
}

interface RequestOptions {
  timeoutMs: number;
  signal: AbortSignal;
}

/**
 * Client of a vendor's own interface: the AI SDK's provider writes requests and reads replies; sending, time-outs,
 * retries, rate limits and costs stay those of `EndpointClient`. No variable of the environment is read but those that
 * `vendor-credentials.ts` is allowed to, and no request leaves for another origin than the endpoint's.
 */
export class VendorClient {
  private googleCredential: ReturnType<typeof openGoogleCredential> | null = null;

  constructor(
    private readonly dialect: VendorDialect,
    private readonly base: string,
    private readonly apiKey: string | undefined,
    private readonly environment: Partial<NodeJS.ProcessEnv> = process.env,
  ) {}

  /**
   * Sends one request.
   * @param body in OpenAI's names, without what the dialect cannot say
   * @throws Error where no whole reply came; AppError where the request cannot be made at all
   */
  async exchange(body: CompletionBody, options: RequestOptions): Promise<VendorExchange> {
    requireSayable(this.dialect, body.model, body);
    const sent: { reply: HttpReply | null; failure: Error | null } = { reply: null, failure: null };
    const model = await this.openModel(body.model, async (url, init) => {
      try {
        sent.reply = await this.post(url, init, options);
      } catch (error) {
        sent.failure = error as Error;
        throw error;
      }
      const { status, text, headers } = sent.reply;
      return new Response(text === "" ? null : text, { status, headers: toHeaders(headers) });
    });
    try {
      const result = await model.doGenerate(buildCallOptions(body));
      const ignored = listIgnored(result.warnings);
      return { ...sent.reply!, reply: readVendorReply(result), ignored };
    } catch (error) {
      if (error instanceof AppError) throw error;
      if (sent.failure !== null) throw sent.failure;
      // The library refuses to write the request.
      if (sent.reply === null)
        throw new AppError(
          "unsupported",
          `The dialect ${this.dialect} cannot say this request: ${(error as Error).message}`,
          { cause: error },
        );
      return { ...withRetryAfter(sent.reply), reply: null, ignored: [] };
    }
  }

  private post(
    address: string,
    init: { body: string; headers: Headers },
    options: RequestOptions,
  ): Promise<HttpReply> {
    const url = new URL(address);
    if (url.origin !== new URL(this.base).origin)
      throw new AppError("internal", `A request to ${this.base} would leave for ${url.origin}.`);
    // A server without a key is sent none.
    for (const name of ["x-api-key", "x-goog-api-key"])
      if (init.headers.get(name) === "") init.headers.delete(name);
    return postJson(url, init.body, { ...options, headers: Object.fromEntries(init.headers) });
  }

  private async openModel(model: string, send: Send): Promise<VendorModel> {
    const { base: baseURL, apiKey = "" } = this;
    // Whatever is left out here the libraries would read from the environment.
    const fetch = toFetch(send);
    switch (this.dialect) {
      case "anthropic":
        return (await import("@ai-sdk/anthropic")).createAnthropic({ baseURL, apiKey, fetch })(
          model,
        );
      case "gemini":
        return (await import("@ai-sdk/google")).createGoogleGenerativeAI({
          baseURL,
          apiKey,
          fetch,
        })(model);
      case "bedrock":
        return (await import("@ai-sdk/amazon-bedrock")).createAmazonBedrock({
          baseURL,
          region: readRegion(baseURL, this.environment),
          ...readBedrockCredentials(baseURL, this.apiKey, this.environment),
          fetch,
        })(model);
      case "vertex":
        return this.openVertexModel(model, fetch);
    }
  }

  private async openVertexModel(model: string, fetch: typeof globalThis.fetch) {
    this.googleCredential ??= openGoogleCredential(this.base, this.apiKey, this.environment);
    const authClient = await this.googleCredential;
    await authClient.getAccessToken().catch(throwWithoutToken);
    // Project and location stand in the base URL.
    const shared = { project: "-", location: "-", googleAuthOptions: { authClient }, fetch };
    if (isClaude(model))
      return (await import("@ai-sdk/google-vertex/anthropic")).createVertexAnthropic({
        ...shared,
        baseURL: `${this.base}/publishers/anthropic/models`,
      })(model);
    return (await import("@ai-sdk/google-vertex")).createVertex({
      ...shared,
      apiKey: "",
      baseURL: `${this.base}/publishers/google`,
    })(model);
  }
}

/**
 * Without the cause, which holds the request.
 * @throws AppError "unauthorized" where Google refuses or the key cannot sign; Error, to be tried again, where it could
 *   not be asked or failed: tokens last an hour, and one outage must not end a run of a day
 */
function throwWithoutToken(error: Error & { status?: number }): never {
  const reason = `Google gives no access token for the service account: ${error.message}`;
  // A request that failed has its settings, and the status if it was answered.
  const { status = 503 } = error;
  if ("config" in error && (status === 429 || status >= 500)) throw new Error(reason);
  throw new AppError("unauthorized", reason);
}

type Send = (url: string, init: { body: string; headers: Headers }) => Promise<Response>;

/** As the libraries call it: always with an address and a text. */
const toFetch =
  (send: Send): typeof globalThis.fetch =>
  (input, init) =>
    send(input instanceof Request ? input.url : input.toString(), {
      body: init?.body as string,
      headers: new Headers(init?.headers),
    });

const toHeaders = (headers: HttpReply["headers"]): Headers =>
  new Headers(
    Object.entries(headers).flatMap(([name, value]) =>
      [value ?? []].flat().map((each): [string, string] => [name, each]),
    ),
  );

/** Google says in the error itself how long to wait. */
function withRetryAfter(reply: HttpReply): HttpReply {
  if (reply.headers["retry-after"] !== undefined) return reply;
  const seconds = readRetryInfo(parseJsonOrNull(reply.text));
  return seconds === null
    ? reply
    : { ...reply, headers: { ...reply.headers, "retry-after": seconds } };
}

/** The region that a request is signed for: that of the host's name, or AWS_REGION behind a proxy. */
function readRegion(base: string, environment: Partial<NodeJS.ProcessEnv>): string {
  const named = /^bedrock-runtime(?:-fips)?\.([a-z0-9-]+)\./.exec(new URL(base).hostname)?.[1];
  return named ?? environment.AWS_REGION ?? "us-east-1";
}
