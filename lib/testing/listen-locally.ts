import { once } from "node:events";
import type { AddressInfo, Server } from "node:net";

/**
 * Lets a server listen on a free port of the loopback.
 *
 * @returns its base address, e.g. http://127.0.0.1:41234
 * @throws what it fails with
 */
export async function listenLocally(server: Server): Promise<string> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
