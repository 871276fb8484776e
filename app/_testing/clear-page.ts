import { cleanup } from "@testing-library/react";
import { afterAll, afterEach } from "vitest";

/** Files share a window: each leaves it as it found it. */
afterEach(cleanup);
afterAll(() => {
  document.body.replaceChildren();
  localStorage.clear();
  sessionStorage.clear();
  for (const cookie of document.cookie.split("; "))
    document.cookie = `${cookie.split("=")[0]}=; expires=Thu, 01 Jan 1970 00:00:00 GMT; path=/`;
  window.history.replaceState(null, "", "/");
});
