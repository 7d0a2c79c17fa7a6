import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { isPeerPort } from '../../src/wire/peer-port.ts';

const test = suite('wire/peer-port');

test('isPeerPort :: the web, and what needs no privilege, without databases, chats, telephones and printers', () => {
  const good = [80, 443, 1024, 8080, 8443, 33_125, 65_535];
  const bad = [-1, 0, 22, 25, 81, 1023, 65_536, 1.5, Number.NaN];
  const others = [2375, 3306, 5060, 5432, 6000, 6379, 6667, 9100, 9200, 10_080, 11_211, 27_017];

  assert.equal(good.filter(isPeerPort), good);
  assert.equal([...bad, ...others].filter(isPeerPort), []);
});

test.run();
