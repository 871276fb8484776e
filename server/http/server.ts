import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { nodeHTTPRequestHandler } from "@trpc/server/adapters/node-http";
import { applyWSSHandler } from "@trpc/server/adapters/ws";
import type { Logger } from "pino";
import { WebSocketServer } from "ws";
import { appRouter, type AppRouter } from "@/server/trpc/router";
import type { Services } from "@/server/trpc/services";
import type { ApiContext } from "@/server/trpc/trpc";
import type { Database } from "@/server/platform/db/database";
import { isArtifactPath, serveArtifact } from "./artifact-routes";
import { findRefusalReason } from "./guard";
import { isTokenPath, serveTokens } from "./token-routes";
import { isUploadPath, serveUpload } from "./upload-routes";

const MAX_BODY_BYTES = 256 * 1024 * 1024;
/** Time that open WebSockets get to close when the server stops. */
const CLOSE_MS = 300;

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

/** What requests are answered by. */
type HttpServices = Services & { database: Database };

/** What both transports of tRPC share. */
interface Api {
  createContext: () => ApiContext;
  onError: (failure: { error: Error & { code?: string }; path?: string | undefined }) => void;
}

/**
 * The one HTTP server: /trpc, /trpc-ws, /worker, /worker/artifacts, /artifacts, /uploads, /worker/uploads, /tokens, /healthz, and
 * pages for all the rest. Workers prove themselves by token; everything else must come from a loopback name (guard.ts).
 */
export function createHttpServer(
  services: HttpServices,
  pages: Pages | null,
  log: Logger,
): HttpServer {
  const api: Api = {
    createContext: () => ({ services, actor: "local user" }),
    onError: ({ error, path }) => {
      if (error.code === "INTERNAL_SERVER_ERROR") log.error({ error, path }, "a procedure failed");
    },
  };
  const server = createServer((request, response) => {
    handleRequest(request, response, services, pages, api).catch((error: unknown) => {
      log.error({ error, path: request.url }, "a request failed");
      if (!response.headersSent) response.writeHead(500).end("internal error");
      else response.destroy();
    });
  });
  // Uploads have no time limit; the worker gives up where no bytes move.
  server.requestTimeout = 0;
  const sockets = acceptWebSockets(server, services, pages, api);
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
      services.workerConnections.stop();
      sockets.closeLive();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      // Workers get the time to receive the reason.
      const force = setTimeout(() => sockets.destroyAll(), CLOSE_MS);
      await closed;
      clearTimeout(force);
    },
  };
}

async function handleRequest(
  request: IncomingMessage,
  response: ServerResponse,
  services: HttpServices,
  pages: Pages | null,
  { createContext, onError }: Api,
): Promise<void> {
  const url = new URL(request.url ?? "/", "http://localhost");
  const { pathname } = url;
  const refusal = findRefusalReason(request.headers);
  if (refusal !== null) {
    response
      .writeHead(403, { "content-type": "text/plain; charset=utf-8", connection: "close" })
      .end(refusal);
  } else if (isArtifactPath(pathname)) {
    await serveArtifact(request, response, url, services);
  } else if (isUploadPath(pathname)) {
    await serveUpload(request, response, url, services);
  } else if (isTokenPath(pathname)) {
    await serveTokens(request, response);
  } else if (pathname === "/healthz") {
    await services.database.check();
    response.writeHead(200, { "content-type": "application/json" }).end('{"ok":true}');
  } else if (pathname.startsWith("/trpc/")) {
    await nodeHTTPRequestHandler<AppRouter, IncomingMessage, ServerResponse>({
      router: appRouter,
      createContext,
      req: request,
      res: response,
      path: pathname.slice("/trpc/".length),
      maxBodySize: MAX_BODY_BYTES,
      onError,
    });
  } else if (pages) {
    await pages.handle(request, response);
  } else {
    response.writeHead(404).end("not found");
  }
}

/** Accepts the WebSockets of workers (/worker), live data (/trpc-ws) and pages. */
function acceptWebSockets(
  server: Server,
  services: HttpServices,
  pages: Pages | null,
  { createContext, onError }: Api,
): { closeLive(): void; destroyAll(): void } {
  const liveSockets = new WebSocketServer({ noServer: true, maxPayload: 1024 * 1024 });
  const trpcSockets = applyWSSHandler<AppRouter>({
    wss: liveSockets,
    router: appRouter,
    createContext,
    keepAlive: { enabled: true, pingMs: 20_000, pongWaitMs: 10_000 },
    onError,
  });
  // The server forgets a connection that was upgraded, and would wait for it for ever when it closes.
  const upgraded = new Set<Duplex>();
  server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    upgraded.add(socket);
    socket.on("close", () => upgraded.delete(socket));
    socket.on("error", () => socket.destroy());
    const refusal = findRefusalReason(request.headers);
    if (refusal !== null) {
      socket.end(
        `HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: ${Buffer.byteLength(refusal)}\r\nConnection: close\r\n\r\n${refusal}`,
      );
      return;
    }
    const { pathname } = new URL(request.url ?? "/", "http://localhost");
    if (pathname === "/worker") void services.workerConnections.upgrade(request, socket, head);
    else if (pathname === "/trpc-ws")
      liveSockets.handleUpgrade(request, socket, head, (webSocket) =>
        liveSockets.emit("connection", webSocket, request),
      );
    else if (pages) void pages.upgrade(request, socket, head);
    else socket.destroy();
  });
  return {
    closeLive() {
      trpcSockets.broadcastReconnectNotification();
      for (const socket of liveSockets.clients) socket.terminate();
      liveSockets.close();
    },
    destroyAll() {
      for (const socket of upgraded) socket.destroy();
    },
  };
}
