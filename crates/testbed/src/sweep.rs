//! Every failing call, every power cut, every torn write of one operation.
