/**
 * The PGP word list: 512 words, one for each byte value at even places (two syllables) and one at
 * odd places (three), so that a swapped or missing word shows. All bytes are spelt, also where the
 * original stopped after 24 and used the even words only.
 */
import { DrayerError } from './errors.ts';

/** What a stream id can be, for whoever gave something else. */
export const SPELLINGS_HINT =
  'accepted are base64 (44 characters), base64url, base32 (52 characters), 32 PGP words, and drayer:// before one of these';

/** Returns the words for these bytes, in lower case, separated by spaces. */
export function encodeWords(bytes: Uint8Array): string {
  return Array.from(bytes, (byte, i) => listAt(i)[byte])
    .join(' ')
    .toLowerCase();
}

/**
 * Reads words separated by spaces or dashes; capitals do not matter.
 *
 * @throws {DrayerError} STREAM_ID_INVALID naming the word that does not belong where it stands
 */
export function decodeWords(text: string): Uint8Array {
  const words = text
    .toLowerCase()
    .split(/[\s-]+/)
    .filter((word) => word !== '');
  return Uint8Array.from(words, (word, i) => {
    const byte = valuesAt(i).get(word);
    if (byte !== undefined) return byte;
    throw new DrayerError('STREAM_ID_INVALID', wrongWord(word, i), { hint: SPELLINGS_HINT });
  });
}

function wrongWord(word: string, i: number): string {
  const shown = word.length > 20 ? `${word.slice(0, 20)}…` : word;
  if (!valuesAt(i + 1).has(word)) return `word ${i + 1}, ${shown}, is not in the PGP word list`;
  return `word ${i + 1}, ${shown}, cannot stand there: a word is missing or two are swapped`;
}

/** The words by byte value, in lower case, that may stand at a place; places count from 0. */
export function wordsAt(place: number): readonly string[] {
  return [...valuesAt(place).keys()];
}

/** The byte values of the words, in lower case, that may stand at a place. */
export function valuesAt(place: number): ReadonlyMap<string, number> {
  return place % 2 === 0 ? EVEN_VALUES : ODD_VALUES;
}

function listAt(place: number): readonly string[] {
  return place % 2 === 0 ? EVEN : ODD;
}

function valuesOf(list: readonly string[]): ReadonlyMap<string, number> {
  return new Map(list.map((word, byte) => [word.toLowerCase(), byte]));
}

/** By byte value, at even places. */
const EVEN = `aardvark absurd accrue acme adrift adult afflict ahead aimless Algol allow alone ammo
  ancient apple artist assume Athens atlas Aztec baboon backfield backward banjo beaming
  bedlamp beehive beeswax befriend Belfast berserk billiard bison blackjack blockade blowtorch
  bluebird bombast bookshelf brackish breadline breakup brickyard briefcase Burbank button
  buzzard cement chairlift chatter checkup chisel choking chopper Christmas clamshell classic
  classroom cleanup clockwork cobra commence concert cowbell crackdown cranky crowfoot crucial
  crumpled crusade cubic dashboard deadbolt deckhand dogsled dragnet drainage dreadful drifter
  dropper drumbeat drunken Dupont dwelling eating edict egghead eightball endorse endow enlist
  erase escape exceed eyeglass eyetooth facial fallout flagpole flatfoot flytrap fracture
  framework freedom frighten gazelle Geiger glitter glucose goggles goldfish gremlin guidance
  hamlet highchair hockey indoors indulge inverse involve island jawbone keyboard kickoff kiwi
  klaxon locale lockup merit minnow miser Mohawk mural music necklace Neptune newborn
  nightbird Oakland obtuse offload optic orca payday peachy pheasant physique playhouse Pluto
  preclude prefer preshrunk printer prowler pupil puppy python quadrant quiver quota ragtime
  ratchet rebirth reform regain reindeer rematch repay retouch revenge reward rhythm ribcage
  ringbolt robust rocker ruffled sailboat sawdust scallion scenic scorecard Scotland seabird
  select sentence shadow shamrock showgirl skullcap skydive slingshot slowdown snapline
  snapshot snowcap snowslide solo southward soybean spaniel spearhead spellbind spheroid
  spigot spindle spyglass stagehand stagnate stairway standard stapler steamship sterling
  stockman stopwatch stormy sugar surmount suspense sweatband swelter tactics talon tapeworm
  tempest tiger tissue tonic topmost tracker transit trauma treadmill Trojan trouble tumor
  tunnel tycoon uncut unearth unwind uproot upset upshot vapor village virus Vulcan waffle
  wallet watchword wayside willow woodlark Zulu`.split(/\s+/);

/** By byte value, at odd places. */
const ODD =
  `adroitness adviser aftermath aggregate alkali almighty amulet amusement antenna applicant
  Apollo armistice article asteroid Atlantic atmosphere autopsy Babylon backwater barbecue
  belowground bifocals bodyguard bookseller borderline bottomless Bradbury bravado Brazilian
  breakaway Burlington businessman butterfat Camelot candidate cannonball Capricorn caravan
  caretaker celebrate cellulose certify chambermaid Cherokee Chicago clergyman coherence
  combustion commando company component concurrent confidence conformist congregate consensus
  consulting corporate corrosion councilman crossover crucifix cumbersome customer Dakota
  decadence December decimal designing detector detergent determine dictator dinosaur
  direction disable disbelief disruptive distortion document embezzle enchanting enrollment
  enterprise equation equipment escapade Eskimo everyday examine existence exodus fascinate
  filament finicky forever fortitude frequency gadgetry Galveston getaway glossary gossamer
  graduate gravity guitarist hamburger Hamilton handiwork hazardous headwaters hemisphere
  hesitate hideaway holiness hurricane hydraulic impartial impetus inception indigo inertia
  infancy inferno informant insincere insurgent integrate intention inventive Istanbul Jamaica
  Jupiter leprosy letterhead liberty maritime matchmaker maverick Medusa megaton microscope
  microwave midsummer millionaire miracle misnomer molasses molecule Montana monument mosquito
  narrative nebula newsletter Norwegian October Ohio onlooker opulent Orlando outfielder
  Pacific pandemic Pandora paperweight paragon paragraph paramount passenger pedigree Pegasus
  penetrate perceptive performance pharmacy phonetic photograph pioneer pocketful politeness
  positive potato processor provincial proximate puberty publisher pyramid quantity racketeer
  rebellion recipe recover repellent replica reproduce resistor responsive retraction
  retrieval retrospect revenue revival revolver sandalwood sardonic Saturday savagery
  scavenger sensation sociable souvenir specialist speculate stethoscope stupendous supportive
  surrender suspicious sympathy tambourine telephone therapist tobacco tolerance tomorrow
  torpedo tradition travesty trombonist truncated typewriter ultimate undaunted underfoot
  unicorn unify universe unravel upcoming vacancy vagabond vertigo Virginia visitor vocalist
  voyager warranty Waterloo whimsical Wichita Wilmington Wyoming yesteryear Yucatan`.split(/\s+/);

const EVEN_VALUES = valuesOf(EVEN);
const ODD_VALUES = valuesOf(ODD);
