import "./places.test.js";
import "./values.test.js";
import "./calls.test.js";
import "./misuse.test.js";
import "./streams.test.js";
import "./backpressure.test.js";
