import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import { listenLocally } from "@/lib/testing/listen-locally";

/** A request as it arrived. */
export interface ScriptedRequest {
  path: string;
  headers: IncomingHttpHeaders;
  body: {
    messages?: { role: string; content: string }[];
    prompt?: string;
    stop?: string[];
    temperature?: number;
    max_tokens?: number;
    [setting: string]: unknown;
  };
}

/**
 * What is played back: a text (cut at the request's stop strings, as a server does), or a fault. The text "cut" breaks
 * the connection in the middle of the reply; "hang" is never answered.
 */
export type ScriptedReply =
  | string
  | {
      text: string;
      finish?: "stop" | "length";
      ignoreStops?: boolean;
      usage?: { prompt_tokens: number; completion_tokens: number };
    }
  | { status: number; body?: string; headers?: Record<string, string> }
  | { raw: string };

/** An OpenAI-compatible server that plays known replies in order and keeps every request. For tests. */
export class ScriptedEndpoint {
  readonly requests: ScriptedRequest[] = [];
  private server: Server | null = null;
  /** Base URL, as a configuration names it. */
  url = "";
  /** Most requests that were under way together. */
  mostAtOnce = 0;
  private active = 0;

  private constructor(
    private readonly script: (
      request: ScriptedRequest,
      call: number,
    ) => ScriptedReply | Promise<ScriptedReply>,
  ) {}

  /** @param script replies in order (the last one is repeated), or a function of the request and its number from 0 */
  static async start(
    script:
      | readonly ScriptedReply[]
      | ((request: ScriptedRequest, call: number) => ScriptedReply | Promise<ScriptedReply>),
  ): Promise<ScriptedEndpoint> {
    const endpoint = new ScriptedEndpoint(
      typeof script === "function"
        ? script
        : (_, call) => script[Math.min(call, script.length - 1)]!,
    );
    endpoint.server = createServer((message, response) => {
      const chunks: Buffer[] = [];
      message.on("data", (chunk: Buffer) => chunks.push(chunk));
      message.on("end", () => {
        void (async () => {
          const request: ScriptedRequest = {
            path: message.url ?? "",
            headers: message.headers,
            body: JSON.parse(Buffer.concat(chunks).toString("utf8")) as ScriptedRequest["body"],
          };
          const call = endpoint.requests.push(request) - 1;
          endpoint.active += 1;
          endpoint.mostAtOnce = Math.max(endpoint.mostAtOnce, endpoint.active);
          const reply = await endpoint.script(request, call);
          endpoint.active -= 1;
          if (reply === "hang") return;
          if (reply === "cut") {
            response.writeHead(200, {
              "content-type": "application/json",
              "content-length": "1000",
            });
            return void response.write('{"choices": [{"text": "half a rep', () =>
              response.destroy(),
            );
          }
          if (typeof reply === "object" && "status" in reply)
            return void response.writeHead(reply.status, reply.headers).end(reply.body ?? "");
          if (typeof reply === "object" && "raw" in reply)
            return void response
              .writeHead(200, { "content-type": "application/json" })
              .end(reply.raw);
          const {
            text,
            finish = "stop",
            ignoreStops = false,
            usage = { prompt_tokens: 10, completion_tokens: 5 },
          } = typeof reply === "string" ? { text: reply } : reply;
          const end = ignoreStops
            ? text.length
            : Math.min(
                ...(request.body.stop ?? [])
                  .map((stop) => text.indexOf(stop))
                  .filter((at) => at >= 0),
                text.length,
              );
          const said = text.slice(0, end);
          const choice = request.body.messages
            ? { message: { role: "assistant", content: said }, finish_reason: finish }
            : { text: said, finish_reason: finish };
          response
            .writeHead(200, { "content-type": "application/json" })
            .end(JSON.stringify({ choices: [choice], usage }));
        })();
      });
    });
    endpoint.url = `${await listenLocally(endpoint.server)}/v1`;
    return endpoint;
  }

  async close(): Promise<void> {
    this.server?.closeAllConnections();
    await new Promise<void>((resolve) =>
      this.server ? this.server.close(() => resolve()) : resolve(),
    );
  }
}
