/** How a page that is made on the server reads what it will show: in the same process, without a request. */
export interface PageApi {
  /**
   * The answer of a query, as the API gives it, for whoever asks for the page.
   * @param path as "runs.get"
   * @param headers of the page's request: they say who asks
   * @throws what the procedure throws; where nobody is let in by these headers
   */
  query(
    path: string,
    input: unknown,
    headers: Readonly<Record<string, string | undefined>>,
  ): Promise<unknown>;
  /** The id of the newest live event. What is read after it is known needs no reading again for events up to it. */
  readLivePosition(): Promise<string>;
}

/** Under a registered symbol, as Next.js loads modules of its own, apart from the server's. */
const KEY = Symbol.for("s3.page-api");
const holder = globalThis as { [KEY]?: PageApi };

/** Called once by the server that makes the pages. */
export const providePageApi = (api: PageApi): void => void (holder[KEY] = api);

/** Null where no server runs in this process, as in tests of components. */
export const findPageApi = (): PageApi | null => holder[KEY] ?? null;
