/** As Next.js gives a page the parameters of its address. */
export type GivenParams = Promise<Readonly<Record<string, string | string[] | undefined>>>;

/** The parameters of the address for which a page is made, as the browser has them. */
export async function readParams(given: GivenParams): Promise<URLSearchParams> {
  const pairs = Object.entries(await given).flatMap(([name, value]) =>
    [value ?? []].flat().map((one) => [name, one]),
  );
  return new URLSearchParams(pairs);
}
