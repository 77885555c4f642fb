"""Tables that `mdjax reproduce` makes, one file each."""

from experiments.tables.csk_ablation import CSK_ABLATION_LABELS, CSK_ABLATION_PERSONS
from experiments.tables.evidence import EVIDENCE_LABELS, EVIDENCE_PERSONS
from experiments.tables.heads import HEADS_PERSONS
from experiments.tables.losses import LOSSES
from experiments.tables.peers import PEERS_LABELS, PEERS_PERSONS
from experiments.tables.robustness import ROBUSTNESS_LABELS, ROBUSTNESS_PERSONS
from experiments.tables.table1 import TABLE1
from experiments.tables.table2 import TABLE2
from experiments.tables.table3 import TABLE3
from experiments.tables.table4 import TABLE4
from experiments.tables.table5 import TABLE5
from experiments.tables.table6 import TABLE6
from experiments.tables.table7 import TABLE7
from experiments.tables.table8 import TABLE8

TABLES = (
    *(TABLE1, TABLE2, TABLE3, TABLE4, TABLE5, TABLE6, TABLE7, TABLE8),
    *(EVIDENCE_LABELS, EVIDENCE_PERSONS, LOSSES, PEERS_LABELS, PEERS_PERSONS, HEADS_PERSONS),
    *(ROBUSTNESS_LABELS, ROBUSTNESS_PERSONS),
    *(CSK_ABLATION_LABELS, CSK_ABLATION_PERSONS),
)
