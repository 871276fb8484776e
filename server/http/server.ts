import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { nodeHTTPRequestHandler } from "@trpc/server/adapters/node-http";
import { applyWSSHandler } from "@trpc/server/adapters/ws";
import type { Logger } from "pino";
import { WebSocketServer } from "ws";
import { appRouter, type AppRouter } from "@/server/trpc/router";
import type { ApiContext } from "@/server/trpc/trpc";
import type { ControlPlane } from "@/server/compose";
import { isArtifactPath, serveArtifact } from "./artifact-routes";
import { refusalOf } from "./guard";
import { isUploadPath, serveUpload } from "./upload-routes";

const MAX_BODY_BYTES = 256 * 1024 * 1024;

/** Serves everything that is not the server's own: the pages. */
export interface Pages {
  handle(request: IncomingMessage, response: ServerResponse): Promise<void>;
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void>;
}

export interface HttpServer {
  server: Server;
  listen(port: number, host: string): Promise<number>;
  close(): Promise<void>;
}

/**
 * The one HTTP server: /trpc, /trpc-ws, /worker, /worker/artifacts, /uploads, /worker/uploads, /healthz, and pages for all the rest. Workers prove
 * themselves by token; everything else must come from a loopback name (guard.ts).
 */
export function createHttpServer(
  plane: ControlPlane,
  pages: Pages | null,
  log: Logger,
): HttpServer {
  const context = (): ApiContext => ({ services: plane, actor: "local user" });
  const onError = ({ error, path }: { error: Error & { code?: string }; path?: string }): void => {
    if (error.code === "INTERNAL_SERVER_ERROR") log.error({ error, path }, "a procedure failed");
  };

  const server = createServer((request, response) => {
    handle(request, response).catch((error: unknown) => {
      log.error({ error, path: request.url }, "a request failed");
      if (!response.headersSent) response.writeHead(500).end("internal error");
      else response.destroy();
    });
  });
  // Uploads may take as long as they move; the agent gives up on silence.
  server.requestTimeout = 0;

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "/", "http://localhost");
    const refusal = refusalOf(request.headers);
    if (refusal !== null) {
      response
        .writeHead(403, { "content-type": "text/plain; charset=utf-8", connection: "close" })
        .end(refusal);
      return;
    }
    if (isArtifactPath(url.pathname)) return serveArtifact(request, response, url, plane);
    if (isUploadPath(url.pathname)) return serveUpload(request, response, url, plane);
    if (url.pathname === "/healthz") {
      await plane.database.db.$queryRaw`SELECT 1`;
      response.writeHead(200, { "content-type": "application/json" }).end('{"ok":true}');
      return;
    }
    if (url.pathname.startsWith("/trpc/")) {
      await nodeHTTPRequestHandler<AppRouter, IncomingMessage, ServerResponse>({
        router: appRouter,
        createContext: context,
        req: request,
        res: response,
        path: url.pathname.slice("/trpc/".length),
        maxBodySize: MAX_BODY_BYTES,
        onError,
      });
      return;
    }
    if (!pages) {
      response.writeHead(404).end("not found");
      return;
    }
    await pages.handle(request, response);
  }

  const liveSockets = new WebSocketServer({ noServer: true, maxPayload: 1024 * 1024 });
  const trpcSockets = applyWSSHandler<AppRouter>({
    wss: liveSockets,
    router: appRouter,
    createContext: context,
    keepAlive: { enabled: true, pingMs: 20_000, pongWaitMs: 10_000 },
    onError,
  });

  // The server forgets a connection that was upgraded, and would wait for it for ever when it closes.
  const upgraded = new Set<Duplex>();
  server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    upgraded.add(socket);
    socket.on("close", () => upgraded.delete(socket));
    socket.on("error", () => socket.destroy());
    const refusal = refusalOf(request.headers);
    if (refusal !== null) {
      socket.end(
        `HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: ${Buffer.byteLength(refusal)}\r\nConnection: close\r\n\r\n${refusal}`,
      );
      return;
    }
    const { pathname } = new URL(request.url ?? "/", "http://localhost");
    if (pathname === "/worker") void plane.hub.upgrade(request, socket, head);
    else if (pathname === "/trpc-ws")
      liveSockets.handleUpgrade(request, socket, head, (webSocket) =>
        liveSockets.emit("connection", webSocket, request),
      );
    else if (pages) void pages.upgrade(request, socket, head);
    else socket.destroy();
  });

  return {
    server,
    listen(port, host) {
      return new Promise((resolve, reject) => {
        server.once("error", reject);
        server.listen(port, host, () => {
          server.off("error", reject);
          const address = server.address();
          resolve(typeof address === "object" && address ? address.port : port);
        });
      });
    },
    async close() {
      plane.hub.stop();
      trpcSockets.broadcastReconnectNotification();
      for (const socket of liveSockets.clients) socket.terminate();
      liveSockets.close();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      // Workers get the time to hear why.
      const force = setTimeout(() => {
        for (const socket of upgraded) socket.destroy();
      }, 300);
      await closed;
      clearTimeout(force);
    },
  };
}
