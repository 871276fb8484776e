/**
 * Ids that look as a spreadsheet writes numbers that are too long for it: 1.23457E+12, or fifteen digits and zeros. Ids
 * that were different may be the same then, or those of other rows.
 */

/** Ids of one kind: how many, and the first of them with the places where they stand. */
interface FoundIds<Place> {
  count: number;
  first: { place: Place; id: string }[];
}

/** What was found so far; plain, so that it can be kept where reading is interrupted. */
export interface RoundedIdsState<Place> {
  /** Of few digits: 1.23457E+12. */
  shortened: FoundIds<Place>;
  /** Of more than fifteen digits, all zeros after them. */
  zeros: FoundIds<Place>;
  /** How many others have more than fifteen digits, too. */
  long: number;
}

const SHORTENED = /^-?\d(?:[.,]\d+)?[eE]\+\d{2,}$/;
const LONG = /^\d{16,}(?:\.0+)?$/;
const ZEROS = /^[1-9]\d{14}0+(?:\.0+)?$/;
const KEPT = 20;

export const createRoundedIdsState = <Place>(): RoundedIdsState<Place> => ({
  shortened: { count: 0, first: [] },
  zeros: { count: 0, first: [] },
  long: 0,
});

/** Takes an id of a column, and notes it where it looks rounded. */
export function noteRoundedId<Place>(
  state: RoundedIdsState<Place>,
  id: string,
  place: Place,
): void {
  const kind = SHORTENED.test(id) ? "shortened" : ZEROS.test(id) ? "zeros" : null;
  if (kind === null) {
    if (LONG.test(id)) state.long += 1;
    return;
  }
  state[kind].count += 1;
  if (state[kind].first.length < KEPT) state[kind].first.push({ place, id });
}

/** Whether an id alone looks rounded; one of sixteen digits or more may end in a zero by chance. */
export const looksRounded = (id: string): boolean => SHORTENED.test(id) || ZEROS.test(id);

/**
 * The ids of a column that look rounded. Of a column that was not, a tenth of the ids of sixteen digits ends in a zero:
 * they count only where most of the long ones do.
 */
export function listRoundedIds<Place>({
  shortened,
  zeros,
  long,
}: RoundedIdsState<Place>): FoundIds<Place> {
  const kinds = [shortened, ...(zeros.count > long ? [zeros] : [])];
  return {
    count: kinds.reduce((sum, { count }) => sum + count, 0),
    first: kinds.flatMap(({ first }) => first).slice(0, KEPT),
  };
}
