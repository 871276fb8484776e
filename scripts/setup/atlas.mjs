/**
 * Atlas: a small corpus of facts about countries and two-hop questions over it, made from the
 * npm package country-json (MIT). Pure: the same package gives the same files, byte for byte.
 *
 * Every card states one fact of one country. Every question names a country only by its capital or
 * by its national dish (the bridge), so that answering takes two cards: the bridge and the fact.
 */
import { createHash } from "node:crypto";

/**
 * @typedef {{ id: string, title: string, text: string }} Card
 * @typedef {object} Question
 * @property {string} id e.g. "kenya:capital-calling"
 * @property {string} question
 * @property {string[]} answers accepted answers, the fullest first
 * @property {string[]} goldIds cards that answer it, in the order of the hops
 * @property {string} type bridge and asked fact, e.g. "capital-calling"
 * @property {string} group the country: the unit of the split and of clustered intervals
 * @property {string[]} goldQueries searches of the gold path after the first retrieval
 *
 * @typedef {Partial<Record<string, string>> & { dish?: string[], capital?: string, currency?: string }} Facts
 *   clean values of one country by fact; dishes are a list
 * @typedef {{ id: string, fact: string, value: string }} Bridge a way to speak of a country without its name
 * @typedef {{ country: string, facts: Facts, bridges: Bridge[] }} Country
 *
 * @typedef {object} FactTexts texts of one kind of fact; `country` is written as in a sentence
 * @property {(country: string, value: string) => string} title
 * @property {(country: string, value: string) => string} text
 * @property {(bridge: string) => string} question
 * @property {(country: string) => string} query
 */

/** Countries shown as worked examples in a generator's prompt; in neither split. */
export const EXAMPLE_COUNTRIES = ["Liechtenstein", "Monaco", "San Marino"];

/** Countries whose questions are never trained on. */
export const HELD_OUT_COUNTRIES = 40;

/** Which file and field of country-json holds which fact. */
export const SOURCES = /** @type {const} */ ({
  capital: ["country-by-capital-city", "city"],
  dish: ["country-by-national-dish", "dish"],
  currency: ["country-by-currency-name", "currency_name"],
  religion: ["country-by-religion", "religion"],
  government: ["country-by-government-type", "government"],
  region: ["country-by-region-in-world", "location"],
  calling: ["country-by-calling-code", "calling_code"],
  independence: ["country-by-independence-date", "independence"],
});

/**
 * Values that the package cuts off or misspells, mended by hand.
 * @type {Record<string, string>}
 */
const CORRECTIONS = {
  "Mexico:capital": "Mexico City",
  "Dominican Republic:capital": "Santo Domingo",
  "Grenada:currency": "East Caribbean Dollar",
  "Tunisia:currency": "Tunisian Dinar",
  "Nicaragua:currency": "Nicaraguan Cordoba",
};

/** Dishes that are no bridge: eaten everywhere, or naming their country outright. */
const NOT_A_BRIDGE = new Set([
  "rice",
  "fish",
  "lamb",
  "meat",
  "raw meat",
  "red beans",
  "beef",
  "pudding",
  "meat pie",
  "roast lamb",
  "hamburger",
  "pizza",
  "pasta",
  "apple pie",
  "fried chicken",
  "fried pork and potato based dish",
  "irish stew",
  "japanese curry",
]);

/** Of a country's dishes, at most so many get a card and lead to questions. */
const DISHES = 2;

const ARTICLE_COUNTRIES = new Set([
  "Bahamas",
  "Central African Republic",
  "Czech Republic",
  "Dominican Republic",
  "Gambia",
  "Maldives",
  "Netherlands",
  "Philippines",
  "United Arab Emirates",
  "United Kingdom",
  "United States",
]);
const ARTICLE_REGIONS = new Set([
  "Caribbean",
  "Middle East",
  "Nordic Countries",
  "Baltic Countries",
  "British Isles",
]);

/** @type {Record<string, FactTexts>} */
const FACTS = {
  capital: {
    title: (_c, v) => v,
    text: (c, v) => `${v} is the capital city of ${c}.`,
    question: (x) => `What is the capital city of ${x}?`,
    query: (c) => `capital city of ${c}`,
  },
  dish: {
    title: (c) => `Cuisine of ${c}`,
    text: (c, v) => `The national dish of ${c} is ${v}.`,
    question: (x) => `What is the national dish of ${x}?`,
    query: (c) => `national dish of ${c}`,
  },
  currency: {
    title: (c) => `Economy of ${c}`,
    text: (c, v) => `The currency of ${c} is the ${v}.`,
    question: (x) => `What is the currency of ${x}?`,
    query: (c) => `currency of ${c}`,
  },
  religion: {
    title: (c) => `Religion in ${c}`,
    text: (c, v) => `The main religion of ${c} is ${v}.`,
    question: (x) => `What is the main religion of ${x}?`,
    query: (c) => `main religion of ${c}`,
  },
  government: {
    title: (c) => `Government of ${c}`,
    text: (c, v) => `The government type of ${c} is ${v}.`,
    question: (x) => `What is the government type of ${x}?`,
    query: (c) => `government type of ${c}`,
  },
  region: {
    title: (c) => `Geography of ${c}`,
    text: (c, v) => `${capitalise(c)} lies in ${ARTICLE_REGIONS.has(v) ? "the " : ""}${v}.`,
    question: (x) => `In which region of the world lies ${x}?`,
    query: (c) => `region of the world of ${c}`,
  },
  calling: {
    title: (c) => `Telephones in ${c}`,
    text: (c, v) => `The calling code of ${c} is +${v}.`,
    question: (x) => `What is the calling code of ${x}?`,
    query: (c) => `calling code of ${c}`,
  },
  independence: {
    title: (c) => `History of ${c}`,
    text: (c, v) => `${capitalise(c)} has been independent since ${v}.`,
    question: (x) => `Since what year is ${x} independent?`,
    query: (c) => `independence of ${c}`,
  },
};

/** @type {Record<string, (value: string) => string>} */
const BRIDGES = {
  capital: (v) => `the country whose capital is ${v}`,
  dish: (v) => `the country whose national dish is ${v}`,
};

/** @param {string} text */
const capitalise = (text) => text.charAt(0).toUpperCase() + text.slice(1);

/**
 * Lower case without accents and punctuation: for comparing names, never for showing.
 * @param {string} text
 */
export const normalise = (text) =>
  text
    .normalize("NFD")
    .replace(/\p{M}/gu, "")
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, " ")
    .trim();

const toSlug = (/** @type {string} */ text) => normalise(text).replaceAll(" ", "-");
const addArticle = (/** @type {string} */ country) =>
  ARTICLE_COUNTRIES.has(country) ? `the ${country}` : country;
const hash = (/** @type {string} */ text) => createHash("sha256").update(text).digest("hex");
/**
 * An order that looks random and never changes.
 * @template T
 * @param {string} salt
 * @param {(item: T) => string} key
 * @returns {(a: T, b: T) => number}
 */
const compareByHash = (salt, key) => (a, b) => (hash(salt + key(a)) < hash(salt + key(b)) ? -1 : 1);

/** Drops what stands in brackets, closed or cut off: "Helsinki [Helsingfors]" is "Helsinki". */
const dropBrackets = (/** @type {string} */ text) =>
  text
    .replace(/[[(][^\])]*(?:[\])]|$)/g, "")
    .replace(/\s+/g, " ")
    .trim();

/**
 * One raw value of country-json as a clean one, or null where there is none to be trusted.
 * @param {keyof typeof SOURCES} fact
 * @param {unknown} raw
 * @returns {string | string[] | null} a list for dishes, a string for all else
 */
export function cleanValue(fact, raw) {
  if (raw === "") return null;
  if (typeof raw !== "string" && typeof raw !== "number") return null;
  if (fact === "independence") return Number(raw) > 0 ? String(raw) : null;
  const text = dropBrackets(String(raw));
  if (text === "") return null;
  if (fact === "calling") return /^\d+$/.test(text) ? text : null;
  if (fact !== "dish") return text.includes(",") && fact === "capital" ? null : text;
  if (/^no /i.test(text)) return null;
  const dishes = text
    .split(",")
    .map((dish) => dish.trim().replace(/^and /, ""))
    .filter((dish) => dish !== "");
  const unique = [...new Map(dishes.map((dish) => [normalise(dish), dish])).values()];
  return unique.length > 0 ? unique : null;
}

/**
 * The facts of every country, cleaned.
 * @param {(file: string) => Record<string, unknown>[]} read rows of a country-json file by its name
 * @returns {Map<string, Facts>} by country
 */
export function collectFacts(read) {
  /** @type {Map<string, Facts>} */
  const countries = new Map();
  for (const [fact, [file, field]] of Object.entries(SOURCES)) {
    for (const row of read(file)) {
      if (typeof row.country !== "string") continue;
      const value = cleanValue(
        /** @type {keyof typeof SOURCES} */ (fact),
        CORRECTIONS[`${row.country}:${fact}`] ?? row[field],
      );
      if (value === null) continue;
      const facts = countries.get(row.country) ?? {};
      if (facts[fact] === undefined) Object.assign(facts, { [fact]: value });
      countries.set(row.country, facts);
    }
  }
  return countries;
}

/** @param {string[]} values */
const countValues = (values) => {
  /** @type {Map<string, number>} */
  const counts = new Map();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return counts;
};

/**
 * Whether a bridge contains the country's name, which would turn two hops into one.
 * @param {string} bridge
 * @param {string} country
 */
const namesCountry = (bridge, country) => {
  const stem = normalise(country).slice(0, 5);
  return (
    normalise(bridge)
      .split(" ")
      .some((word) => word.startsWith(stem)) || normalise(bridge).includes(normalise(country))
  );
};

const isComplete = (/** @type {Facts} */ facts) =>
  ["capital", "currency", "calling", "region"].every((fact) => facts[fact] !== undefined);

/**
 * Accepted answers. The last word of a currency counts where no other currency has it ("Lek", not "Dollar").
 * @param {string} fact
 * @param {string | string[]} value
 * @param {Map<string, number>} currencyWords
 * @returns {string[]}
 */
function listAnswers(fact, value, currencyWords) {
  if (Array.isArray(value)) return value;
  if (fact === "calling") return [`+${value}`, value];
  if (fact !== "currency") return [value];
  const last = value.split(" ").at(-1) ?? value;
  const isUnmistakable =
    last !== value && last !== last.toUpperCase() && currencyWords.get(normalise(last)) === 1;
  return isUnmistakable ? [value, last] : [value];
}

/**
 * The corpus, both question sets and the worked examples.
 * @param {(file: string) => Record<string, unknown>[]} read rows of a country-json file by its name
 * @returns {{ corpus: Card[], train: Question[], heldOut: Question[], examples: (Question & { goldTexts: string[] })[] }}
 */
export function makeAtlas(read) {
  const all = collectFacts(read);
  const capitals = countValues(
    [...all.values()].flatMap((f) => (f.capital ? [normalise(f.capital)] : [])),
  );
  const dishes = countValues([...all.values()].flatMap((f) => f.dish ?? []).map(normalise));
  const currencies = new Set([...all.values()].flatMap((f) => (f.currency ? [f.currency] : [])));
  const currencyWords = countValues(
    [...currencies].flatMap((name) => [...new Set(normalise(name).split(" "))]),
  );

  /**
   * Ways to speak of a country without its name; examples show the pattern and may leak it.
   * @param {string} country
   * @param {Facts} facts
   * @returns {Bridge[]}
   */
  const listBridges = (country, facts) => {
    const { capital = "" } = facts;
    const leaks = (/** @type {string} */ value) =>
      !EXAMPLE_COUNTRIES.includes(country) && namesCountry(value, country);
    const isDish = (/** @type {string} */ dish) =>
      dishes.get(normalise(dish)) === 1 && !NOT_A_BRIDGE.has(normalise(dish)) && !leaks(dish);
    const isCapital = capitals.get(normalise(capital)) === 1 && !leaks(capital);
    return [
      ...(isCapital ? [{ id: "capital", fact: "capital", value: capital }] : []),
      ...(facts.dish ?? [])
        .filter(isDish)
        .slice(0, DISHES)
        .map((value, i) => ({ id: i === 0 ? "dish" : `dish-${i + 1}`, fact: "dish", value })),
    ];
  };

  const chosen = [...all.entries()]
    .filter(
      ([country, facts]) =>
        EXAMPLE_COUNTRIES.includes(country) || (isComplete(facts) && facts.dish),
    )
    .map(([country, facts]) => ({ country, facts, bridges: listBridges(country, facts) }))
    .filter(({ country, bridges }) => EXAMPLE_COUNTRIES.includes(country) || bridges.length > 0)
    .sort((a, b) => (a.country < b.country ? -1 : 1));

  /**
   * Every card of a country: one for each fact, dishes one each.
   * @param {Country} country
   * @returns {Card[]}
   */
  const makeCards = ({ country, facts, bridges }) => {
    const dishes = bridges.filter(({ fact }) => fact === "dish");
    const values = Object.keys(FACTS).flatMap((fact) => {
      const value = facts[fact];
      if (value === undefined) return [];
      if (fact !== "dish") return [{ id: fact, fact, value }];
      return dishes.length > 0 ? dishes : [{ id: "dish", fact, value: facts.dish?.[0] ?? "" }];
    });
    return values.map(({ id, fact, value }) => ({
      id: `${toSlug(country)}:${id}`,
      title: FACTS[fact]?.title(addArticle(country), value) ?? "",
      text: FACTS[fact]?.text(addArticle(country), value) ?? "",
    }));
  };
  const corpus = chosen.flatMap(makeCards);

  /**
   * @param {Country} country
   * @returns {Question[]}
   */
  const makeQuestions = ({ country, facts, bridges }) =>
    bridges.flatMap((bridge) =>
      Object.entries(FACTS)
        .filter(([fact]) => fact !== bridge.fact && facts[fact] !== undefined)
        .map(([fact, card]) => ({
          id: `${toSlug(country)}:${bridge.id}-${fact}`,
          question: card.question(BRIDGES[bridge.fact]?.(bridge.value) ?? ""),
          answers: listAnswers(fact, facts[fact] ?? "", currencyWords),
          goldIds: [`${toSlug(country)}:${bridge.id}`, `${toSlug(country)}:${fact}`],
          type: `${bridge.fact}-${fact}`,
          group: country,
          goldQueries: [card.query(addArticle(country))],
        })),
    );

  const splittable = chosen
    .filter(({ country }) => !EXAMPLE_COUNTRIES.includes(country))
    .sort(compareByHash("split:", (c) => c.country));
  const shuffle = (/** @type {Country[]} */ countries) =>
    countries.flatMap(makeQuestions).sort(compareByHash("order:", (q) => q.id));
  const textById = new Map(corpus.map((card) => [card.id, card.text]));
  const byId = new Map(
    chosen
      .filter(({ country }) => EXAMPLE_COUNTRIES.includes(country))
      .flatMap(makeQuestions)
      .map((q) => [q.id, q]),
  );
  const examples = [
    "liechtenstein:capital-religion",
    "san-marino:dish-calling",
    "monaco:capital-region",
  ]
    .flatMap((id) => byId.get(id) ?? [])
    .map((question) => ({
      ...question,
      goldTexts: question.goldIds.map((gold) => textById.get(gold) ?? ""),
    }));

  return {
    corpus,
    train: shuffle(splittable.slice(HELD_OUT_COUNTRIES)),
    heldOut: shuffle(splittable.slice(0, HELD_OUT_COUNTRIES)),
    examples,
  };
}
