"""Words that make no organization by themselves.

Written by hand from the names of organizations in trial registers. A word that is
in none of these lists, and has five letters or more, is taken for coined: it
names its owner wherever it stands.
"""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


LEGAL_FORMS = _words(
    """
    inc incorporated llc llp lp ltd limited gmbh ag sa sas sasu sarl srl spa snc bv
    nv cv ab as aps oy oyj kft zrt nyrt bt kk kg kgaa ohg ug ev eg co corp
    corporation company companies plc pty pvt private proprietary pte ltda eireli me
    sl slu slp sro spzoo spolka zoo doo dd ooo oao zao eood ood ead jsc pjsc sdn bhd
    tbk pt pc pa pllc psc unlimited aktiebolag aktiengesellschaft gesellschaft mbh
    sagl dba
    """
)

PLACES = _words(
    """
    africa america americas american argentina asia australia austria bangalore
    basel belgium berlin brasil brazil bulgaria canada chile china colombia czech
    denmark deutschland england estonia eu europe european finland france germany
    greece hungary india ireland israel italia italy japan korea latvia lithuania
    london magyarorszag malaysia mexico nederland nederlands netherlands nordic
    north norway pacific paris peru philippines poland polska portugal republic
    romania russia scotland serbia shanghai singapore slovakia south spain sweden
    switzerland taiwan thailand toronto turkey uk ukraine united kingdom states us
    usa vietnam west east northwest northeast southwest southeast
    """
)

UNITS = _words(
    """
    a an and at by c clinic clinics cpu cro cru de der department dept division du
    early epcu facility für fur for global group holding holdings headquarters i ii
    iii international intl lab laboratories laboratory labs location no number of
    office one operations part pharmacology phase ppds s section services service
    site sites stage stages subsidiary team the two unit units worldwide
    """
)
"""Words that say which part of an organization it is."""

TRADE = _words(
    """
    analytics analytical associates bio biomedical biometrics biopharma
    biostatistics care center centre clin clinical clinico consultancy consultants
    consulting contract data development developments discovery diseases drug drugs
    epidemiology evidence experimental health healthcare human imaging informatics
    innovation institut institute investigations investigators investigative
    laboratorios life management market markets med medical medicine medicines
    metabolic ophthalmic oncology organisation organization outcomes pharm pharma
    pharmaceutical pharmaceuticals product products project projects regulatory
    research sciences science scientific solutions statistical statistics strategic
    studies study support systems technologies technology therapeutic therapeutics
    trial trials
    """
)
"""Words of the trade: CROs, sponsors and sites carry them alike."""

OF_A_CRO = _words(
    """
    clinical research trial trials study studies development developmental solutions
    consulting consultants contract organization organisation sciences science health
    statistics data management strategic imaging
    """
)
"""Words of the trade with which a common word names a CRO rather than a sponsor."""

OTHER_BODIES = _words(
    """
    academy agency association associates bank board bureau chapter charity church
    clinica clinique college committee council dental dentistry faculty federation
    fondazione foundation fund fundacion hospital hospitals infirmary institute
    institut instytut klinik klinikum krankenhaus medicine ministry network nzoz
    ospedale physicians practice rehabilitation school society stiftung surgery
    trust university universitat universite veterans vnitrni zentrum
    """
)
"""Words that make another body of a name they are added to."""

COMMON = _words(
    """
    able accelerated accel access acorn act active adapt advance advanced advantage
    aegis alamo allied alliance alpha apex applied aptitude aspire atlantic atlas
    aurora avail axis basic beacon benchmark best beta better big bio blue bridge
    broad capital cardinal cardiovascular cascade celtic central century certus
    charles choice chiltern cmax circle citizen city clear coast coastal
    collaborative column comprehensive concentric concept concord connect core
    corner cross crown decision decisions delta digital direct discovery dow duke
    dynamic eagle edge element elite emerald encore endeavor engage ensemble
    enrollment equity essential essentials ethica excel excellence experience expert
    factory first focus fortune forward foundry frontage frontier future galaxy
    gateway general genesis george golden good grand great green harbor harmony
    harrison harvard heart high hill hilltop horizon icon ideal impact inc
    independent index infinity innovative insight inspire integral integrated
    integrity island jubilant julius key keystone lambda landmark leap legacy
    liberty light lind linear link lotus majestic mark matrix max medica meridian
    metro midwest millennium mission modern momentum monitor mountain multi national
    network neuroscience new next nobel noble norwich novum nucleus ocean olympic
    omega one opera optimal optimum optimed orion pacific paradigm paragon peak penn
    perceptive phoenix pinnacle pioneer pivotal planet plus point polaris precision
    preferred premier premium prestige prime prism pro profil progress provident
    proxima pulse quality quest quotient radiant radius rapid regional remedium
    resource richmond river rock rose royal scientia scope select sigma signature
    silver smart social solution source southern spaulding spectrum standard star
    statistic stephens sterling strategy summit sun sunrise superior sure synergy
    synchron target team theorem tower translational tri triangle trident trinity
    trio true union unity universal valley vanguard vector velocity venture verity
    vertex victory vince virginia vision visioncare vista vital wave west world
    young zenith evidence outcome
    """
)
"""Words that many unrelated organizations carry in their names."""

ORDINARY = LEGAL_FORMS | PLACES | UNITS | TRADE | OTHER_BODIES | COMMON
