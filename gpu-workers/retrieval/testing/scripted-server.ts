import { createServer, type IncomingMessage } from "node:http";
import { listenLocally } from "@/lib/testing/listen-locally";

export interface SeenRequest {
  method: string;
  /** Path with query. */
  path: string;
  headers: IncomingMessage["headers"];
  body: string;
}
export interface ScriptedAnswer {
  status?: number;
  headers?: Record<string, string>;
  /** JSON; a string is sent as it is. */
  body: unknown;
}

/** A server that plays a protocol: every request is kept, and answered by the test; null cuts the connection. */
export class ScriptedServer {
  readonly requests: SeenRequest[] = [];
  private constructor(
    private readonly server: ReturnType<typeof createServer>,
    readonly url: string,
  ) {}

  static async start(
    answer: (request: SeenRequest) => ScriptedAnswer | null | Promise<ScriptedAnswer | null>,
  ): Promise<ScriptedServer> {
    const server = createServer();
    const address = await listenLocally(server);
    const scripted = new ScriptedServer(server, address);
    server.on("request", (request, response) => {
      void (async () => {
        const chunks: Buffer[] = [];
        for await (const chunk of request) chunks.push(chunk as Buffer);
        const seen = {
          method: request.method ?? "",
          path: request.url ?? "",
          headers: request.headers,
          body: Buffer.concat(chunks).toString(),
        };
        scripted.requests.push(seen);
        const given = await answer(seen);
        if (given === null) return void response.destroy();
        response.writeHead(given.status ?? 200, {
          "content-type": "application/json",
          ...given.headers,
        });
        response.end(typeof given.body === "string" ? given.body : JSON.stringify(given.body));
      })();
    });
    return scripted;
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}
