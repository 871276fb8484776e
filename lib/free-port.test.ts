import { createServer } from "node:net";
import { expect, it } from "vitest";
import { findFreePort } from "./free-port.mjs";

it("a free port can be listened on", async () => {
  const port = await findFreePort();
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject).listen(port, "127.0.0.1", resolve);
  });
  await new Promise((resolve) => server.close(resolve));
  expect(port).toBeGreaterThan(1023);
});
