import { randomBytes } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";

/** Headers of every answer: nothing is framed by other sites, guessed to be another type, or told where one came from. */
const HEADERS = {
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "same-origin",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
};

/** Nothing is loaded by answers that are no pages. */
const NO_CONTENT_POLICY = "default-src 'none'; frame-ancestors 'none'";

/** Sets the headers that keep a browser from being used against its owner. */
export function setSecurityHeaders(response: ServerResponse): void {
  for (const [name, value] of Object.entries(HEADERS)) response.setHeader(name, value);
  response.setHeader("content-security-policy", NO_CONTENT_POLICY);
}

/**
 * Sets the content security policy of a page: scripts and styles from here, or with the nonce of this answer. Next.js
 * finds the nonce in the request's header and gives it to the scripts that it writes, app/layout.tsx to the others.
 *
 * @param isDevelopment hot reloading evaluates text and writes styles without a nonce
 */
export function setPagePolicy(
  request: IncomingMessage,
  response: ServerResponse,
  isDevelopment: boolean,
): void {
  const nonce = randomBytes(16).toString("base64");
  const policy = [
    "default-src 'self'",
    `script-src 'self' 'nonce-${nonce}'${isDevelopment ? " 'unsafe-eval'" : ""}`,
    `style-src 'self' ${isDevelopment ? "'unsafe-inline'" : `'nonce-${nonce}'`}`,
    "img-src 'self' data: blob:",
    "object-src 'none'",
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
  ].join("; ");
  request.headers["content-security-policy"] = policy;
  request.headers["x-nonce"] = nonce;
  response.setHeader("content-security-policy", policy);
}
