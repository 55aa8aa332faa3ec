// Which types a fragment on the union or on an interface fits, from our SDL: Apollo's cache cannot know it otherwise.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { buildSchema, isAbstractType } from "graphql";

const schema = buildSchema(readFileSync(new URL("../../../schema/schema.graphql", import.meta.url), "utf8"));
const possible = Object.fromEntries(
  Object.values(schema.getTypeMap())
    .filter(isAbstractType)
    .map((type) => [type.name, schema.getPossibleTypes(type).map(({ name }) => name)]),
);
const folder = new URL("../src/generated/", import.meta.url);
mkdirSync(folder, { recursive: true });
writeFileSync(new URL("possible-types.ts", folder), `export const possibleTypes = ${JSON.stringify(possible, null, 2)};\n`);
