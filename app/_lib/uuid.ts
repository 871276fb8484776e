/** As the schemas of the server take ids, which would refuse another one. */
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/i;

/** Whether a text is an id. Schemas, which would say the same, are a sixth of a page's JavaScript. */
export const isUuid = (text: string): boolean => UUID.test(text);
