import { createHmac } from "node:crypto";
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http";
import { isSameSecret } from "@/lib/hash";

/** How long a browser is let in without the secret. */
const COOKIE_SECONDS = 90 * 24 * 3600;
/** Wrong secrets a minute that are explained; further ones are told to wait. The right one is always let in. */
const WRONG_A_MINUTE = 30;
const MINUTE_MS = 60_000;

/** Everyone who has the secret is the same person, until there are accounts. */
const LOCAL_USER = "local user";

const PAGE = `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>s3: not let in</title>
<h1>This page is for the owner of the installation</h1>
<p>Open the address that <code>npm start</code> printed when it was ready. It ends with <code>?token=</code> and the installation's secret, and is needed once for each browser.</p>
<p>To have it printed again, type <code>npm run s3 -- address</code> in the project's folder.</p>
<p>If you came by a link on another site and were let in before, <a href="">open the page again</a>.</p>
</html>`;
const EXPLANATION =
  "The server wants the installation's secret. In a browser, open the address that `npm start` printed once more. For the command line, set S3_SERVER to that address, or S3_TOKEN to the secret in it; on the server's own machine it reads the data folder (S3_DATA_DIR).";

/**
 * Who may use the page and its API: whoever shows the installation's secret, once in the page's address, from then on by
 * a cookie, or in each request as `Authorization: Bearer`. The cookie holds a value made of the secret, so that it does
 * not give it away; a new secret ends all cookies.
 */
export class Access {
  private readonly cookie: string;
  private wrong = { since: 0, count: 0 };

  constructor(private readonly secret: string) {
    this.cookie = createHmac("sha256", secret).update("cookie 1").digest("base64url");
  }

  /** Who makes a request; null for whoever shows neither secret nor cookie. Nothing else decides who acts. */
  identify({ authorization, cookie, host }: IncomingHttpHeaders): string | null {
    const shown = /^Bearer (\S+)$/i.exec(authorization ?? "")?.[1];
    if (shown !== undefined) return this.isEqual(shown, this.secret) ? LOCAL_USER : null;
    const held = readCookie(cookie, buildCookieName(host));
    return held !== undefined && this.isEqual(held, this.cookie) ? LOCAL_USER : null;
  }

  /**
   * Lets a browser in that opens an address with `?token=`: gives it the cookie, and the address without the secret.
   * @returns false where the address has none; nothing was answered then
   */
  enter({ method, headers }: IncomingMessage, response: ServerResponse, url: URL): boolean {
    const token = url.searchParams.get("token");
    if (token === null || method !== "GET") return false;
    if (!this.isEqual(token, this.secret)) {
      this.refuse(headers, response);
      return true;
    }
    url.searchParams.delete("token");
    response
      .writeHead(303, {
        // Two slashes at the beginning would be another server.
        location: url.pathname.replace(/^[/\\]+/, "/") + url.search,
        "set-cookie": `${buildCookieName(headers.host)}=${this.cookie}; Path=/; Max-Age=${COOKIE_SECONDS}; HttpOnly; SameSite=Strict`,
        "cache-control": "no-store",
      })
      .end();
    return true;
  }

  /** Answers a request of someone who is not let in: a page for browsers, else an error as our routes and tRPC give it. */
  refuse(headers: IncomingHttpHeaders, response: ServerResponse): void {
    const { status, type, body } = this.describeRefusal(headers);
    response
      .writeHead(status, { "content-type": type, "cache-control": "no-store", connection: "close" })
      .end(body);
  }

  /** Status and body of a refusal. */
  describeRefusal(headers: IncomingHttpHeaders): { status: 401 | 429; type: string; body: string } {
    const limited = this.wrong.count > WRONG_A_MINUTE && this.isRecent();
    const status = limited ? 429 : 401;
    if (!limited && headers.accept?.includes("text/html"))
      return { status, type: "text/html; charset=utf-8", body: PAGE };
    const message = limited ? "Too many wrong secrets: wait a minute." : EXPLANATION;
    const data = { code: "UNAUTHORIZED", httpStatus: status, appCode: "unauthorized" };
    const error = { json: { code: -32001, message, data } };
    return {
      status,
      type: "application/json",
      body: JSON.stringify({ code: "unauthorized", message, error }),
    };
  }

  /** Compares in a time that does not tell where texts differ, and counts those that do. */
  private isEqual(shown: string, expected: string): boolean {
    if (isSameSecret(shown, expected)) return true;
    if (!this.isRecent()) this.wrong = { since: Date.now(), count: 0 };
    this.wrong.count++;
    return false;
  }

  private isRecent(): boolean {
    return Date.now() - this.wrong.since < MINUTE_MS;
  }
}

/** Cookies know no ports, and two installations on one machine have two. */
const buildCookieName = (host: string | undefined): string =>
  `s3-access-${/:(\d+)$/.exec(host ?? "")?.[1] ?? "80"}`;

const readCookie = (header: string | undefined, name: string): string | undefined =>
  header
    ?.split(";")
    .map((part) => part.trim().split("="))
    .find(([key]) => key === name)?.[1];
