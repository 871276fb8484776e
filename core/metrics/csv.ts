/** Without it Excel reads UTF-8 as the code page of its system, and names in Chinese as other signs. */
export const BYTE_ORDER_MARK = "\uFEFF";
