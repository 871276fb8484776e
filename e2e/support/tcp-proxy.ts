import net from "node:net";
import { listenLocally } from "@/lib/testing/listen-locally";

/** A TCP proxy between a worker and the server, to break what a network breaks. */
export class TcpProxy {
  private readonly sockets = new Set<net.Socket>();
  private readonly server: net.Server;
  url = "";
  /** While true, connections stay open and no byte passes in either direction. */
  private silent = false;

  private constructor(private readonly target: URL) {
    this.server = net.createServer((client) => {
      const upstream = net.connect(Number(this.target.port), this.target.hostname);
      for (const [from, to] of [
        [client, upstream],
        [upstream, client],
      ] as const) {
        this.sockets.add(from);
        from.on("data", (chunk) => {
          if (!this.silent) to.write(chunk);
        });
        from.on("error", () => to.destroy());
        from.on("close", () => {
          this.sockets.delete(from);
          to.destroy();
        });
      }
    });
  }

  static async start(target: string): Promise<TcpProxy> {
    const proxy = new TcpProxy(new URL(target));
    proxy.url = await listenLocally(proxy.server);
    return proxy;
  }

  /** Resets every connection; new ones pass. */
  cut(): void {
    for (const socket of this.sockets) socket.resetAndDestroy();
  }

  /** What is sent is lost, as when a cable is pulled; after `heal` the connections of before are reset. */
  pull(): void {
    this.silent = true;
  }

  heal(): void {
    this.silent = false;
    this.cut();
  }

  async close(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.server.close(resolve));
  }
}
